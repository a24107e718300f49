"""Quantisation-aware training: a candidate is run in torch, trained, and written back into its own nodes."""
