"""Accuracy and speed of all models on one pool."""
