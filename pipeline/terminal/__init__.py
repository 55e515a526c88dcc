"""Shows a sweep while it runs, on a terminal or in a notebook.

Hands out `progress.Display`.
"""
