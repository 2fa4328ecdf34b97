"""From a run through its gates to a signed bundle; tracing anything back to where it came from."""
