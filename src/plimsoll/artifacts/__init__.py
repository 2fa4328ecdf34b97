"""Content-addressed bytes: what steps make and releases hold, each stored once under its SHA-256."""
