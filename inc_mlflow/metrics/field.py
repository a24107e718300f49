"""The field of the job that a metric's errors name."""

from collections.abc import Callable
from typing import ParamSpec, TypeVar

from inc_mlflow.errors import IncError

FIELD = "metric"
"""What the errors of a metric begin with: the field of a single one."""
_Arguments = ParamSpec("_Arguments")
_Result = TypeVar("_Result")


def errors_of_field(field: str, function: Callable[_Arguments, _Result]) -> Callable[_Arguments, _Result]:
    """Return the function with errors that name one of several metrics; their text begins with ``FIELD``.

    It is called for every row, so it is no context manager: that would cost as much as a small model does.
    """
    if field == FIELD:
        return function

    def named(*arguments: _Arguments.args, **options: _Arguments.kwargs) -> _Result:
        try:
            return function(*arguments, **options)
        except IncError as error:
            text = str(error)
            if text.startswith(FIELD):
                error.args = (field + text.removeprefix(FIELD), *error.args[1:])
            raise

    return named
