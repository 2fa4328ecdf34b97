"""What carries a deployment; chosen by name."""
