"""Rewrites of a source on its way to the baseline: each has one reason, and can be left out."""
