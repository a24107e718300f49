"""Runs of a job in MLflow: what they hold and how people find them."""
