"""Ends a command cleanly, whatever ends it: no process and no temporary folder is left."""

from inc_mlflow.guard.command import PREFIX, environment, guarded, temporary_directory
from inc_mlflow.guard.parent import end_with_parent

__all__ = ["PREFIX", "end_with_parent", "environment", "guarded", "temporary_directory"]
