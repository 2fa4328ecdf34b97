"""Watches what releases answer: windows, drift, quality on labels, alerts."""
