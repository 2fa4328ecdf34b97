"""Batch scoring: a release's answers for whole files of rows."""
