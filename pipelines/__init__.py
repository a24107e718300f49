"""Pipelines: graphs of components, how they are compiled, and how they run on one machine."""
