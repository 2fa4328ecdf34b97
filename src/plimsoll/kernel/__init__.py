"""What every room may use: errors, ids, time, digests, canonical JSON, durations, whole files, near words, the workspace's layout."""
