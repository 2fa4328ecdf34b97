"""The shim: the small process that owns an environment's sockets and keeps its doors and workers running.

Standard library only, so that it starts at once, stays small and survives every upgrade. It detaches, so it outlives
who started it; only one lives for a state folder. How it is started is in __main__.py, what it is asked in shim.py.
"""
