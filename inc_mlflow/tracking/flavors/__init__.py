"""Logged models: the files of a model, as MLflow keeps and loads them."""
