"""Steps as a graph, cached by content, executed in worker processes."""
