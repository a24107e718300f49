"""Report to people: runs in MLflow."""
