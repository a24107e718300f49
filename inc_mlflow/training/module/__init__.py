"""Modules of PyTorch in training: their outputs for a loss, their steps, their epochs."""
