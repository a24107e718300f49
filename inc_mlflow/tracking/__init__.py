"""MLflow: runs, logged models, versions and aliases.

Nobody else imports mlflow, and here only functions do.
"""
