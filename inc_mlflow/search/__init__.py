"""Search for the best recipe: what to try, what to keep, what to hand over.

Knows no framework: a lab makes the trials.
"""
