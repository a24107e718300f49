"""Pipelines: graphs of components, how they are compiled, and how they run on one machine."""

SHARDS = 4
"""Parts that the pipeline ``sharded`` splits calibration and evaluation into, where nobody says another
number."""
