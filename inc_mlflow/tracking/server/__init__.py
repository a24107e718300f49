"""The MLflow server: connect, ask once, understand refusals."""
