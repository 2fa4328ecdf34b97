"""Data versions and column checks."""
