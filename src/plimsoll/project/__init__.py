"""The project file, validated, and the fingerprints of code, runtime and machine."""
