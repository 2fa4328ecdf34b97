"""Metrics, comparisons and slices with their confidence; the verdict."""
