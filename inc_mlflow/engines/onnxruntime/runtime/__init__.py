"""Sessions: load a model and run it."""
