"""Work on what somebody else wrote, in a process with limits: whatever that does to it, the caller gets a text or an IncError.

It keeps a request from stopping or filling its gate. It is no sandbox: the process has the same user, and
whoever takes it over can do what that user can.
"""

from inc_mlflow.confined.call import confined
from inc_mlflow.confined.limits import Limits, file_limit, more_time
from inc_mlflow.confined.work import described, of_machine

__all__ = ["Limits", "confined", "described", "file_limit", "more_time", "of_machine"]
