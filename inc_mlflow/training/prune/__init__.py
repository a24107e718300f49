"""Pruning: which weights become zero or which channels go, when, and the training that mends it."""
