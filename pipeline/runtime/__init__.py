"""The process: arguments of a command, signals, budget, memory, notification.

Hands out `Budget`, `StopRequest`, and what the entry points share (`cli.py`).
"""
