"""From outputs of a model to what a metric reads. The table is registry/postprocess.py."""
