"""The prediction log: what was asked and what was answered, written so that a killed process loses nothing."""
