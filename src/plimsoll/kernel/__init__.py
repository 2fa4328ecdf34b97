"""What every room may use: errors, ids, time, digests, canonical JSON, durations, the workspace's layout."""
