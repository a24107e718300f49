"""Exact rewrites that make a float graph faster: each is a rule of its own, and can be left out."""
