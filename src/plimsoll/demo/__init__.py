"""The demo: a story in acts on real parts, which checks itself."""
