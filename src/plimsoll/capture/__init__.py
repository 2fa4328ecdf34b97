"""The log of predictions: append-only segments that survive a killed process."""
