"""Run, judge, release, approve, trace: the chain from a project's code to a signed bundle that people said yes to.

Nothing is imported here, so that a command loads only the operations that it asks for.
"""
