"""A release on disk: its layout, its signature, and the scorer that turns raw rows into predictions."""
