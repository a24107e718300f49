"""Reads untrusted input in a process with limits; the caller gets a text or an IncError, whatever happens.

A request can so neither stop its gate nor fill its memory. This is no sandbox: the process runs as the same
user, and whoever takes it over can do what that user can.
"""

from inc_mlflow.confined.call import confined
from inc_mlflow.confined.limits import Limits, file_limit, more_time
from inc_mlflow.confined.work import describe_error, is_shortage

__all__ = ["Limits", "confined", "describe_error", "file_limit", "is_shortage", "more_time"]
