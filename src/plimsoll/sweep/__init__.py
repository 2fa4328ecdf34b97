"""Sweeps: one pipeline run with many parameters, what they share done once, ranked by a metric that it logs."""
