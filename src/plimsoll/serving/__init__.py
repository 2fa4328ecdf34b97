"""The data plane: shim, door and workers. Starts, answers and captures with the control plane dead."""
