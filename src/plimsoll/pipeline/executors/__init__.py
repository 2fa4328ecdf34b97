"""What carries out steps: local processes."""
