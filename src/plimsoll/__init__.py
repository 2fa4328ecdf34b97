"""Plimsoll decides with evidence whether a model may be released, releases it, watches it, and takes it back."""

__version__ = "0.1.0"
