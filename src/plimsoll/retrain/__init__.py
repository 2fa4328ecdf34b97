"""Starts runs by itself: triggers, their limits, and what becomes of them."""
