"""Functions in a user's own files, named "file.py:function" in the job, and the modules beside them."""

from inc_mlflow.callables.code_files import code_files
from inc_mlflow.callables.load import load_callable, source_file, user_code

__all__ = ["code_files", "load_callable", "source_file", "user_code"]
