"""Typed configuration: schema, composing, checks, fingerprint, and the places of conf and data."""
