"""The process: arguments of a command, signals, budget, memory, notification.

Begin with `Budget`, `StopRequest`, and the arguments and exit codes of the entry points in `cli.py`.
"""
