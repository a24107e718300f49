"""Plugins that MLflow loads by its entry points."""
