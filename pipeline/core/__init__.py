"""What every room may use: records of the product, protocols, errors, statistics, language.

Hands out plain classes and functions; it imports no room.
"""
