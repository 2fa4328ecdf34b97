"""The data plane: the shim that owns sockets, the door that answers requests, the workers that hold models."""
