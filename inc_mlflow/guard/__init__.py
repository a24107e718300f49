"""How a command ends: by a signal as by Ctrl-C, and by whatever else without leaving a process or a temporary folder."""

from inc_mlflow.guard.command import PREFIX, environment, guarded, place
from inc_mlflow.guard.parent import end_with_parent

__all__ = ["PREFIX", "end_with_parent", "environment", "guarded", "place"]
