"""Logged models: how MLflow keeps and loads the files of a model."""
