"""Replays recorded days through the real server, door, capture, monitor and triggers, in seconds."""
