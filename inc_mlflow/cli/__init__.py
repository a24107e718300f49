"""Command line: parse, call one step or pipeline, print.

Exit codes: 0 pass, 1 bug, 2 user, 3 fail, 4 inconclusive.
"""

import sys
from contextlib import AbstractContextManager, nullcontext

import typer

# The help lists commands in the order of these imports.
# isort: off
from inc_mlflow.cli import (
    start,
    catalog,
    report,
    steps,
    search,
    saturation,
    gate,
    promote,
    best,
    export,
    ledger,
    approve,
    cluster,
    pools,
)

# isort: on
from inc_mlflow.cli.app import app
from inc_mlflow.errors import IncError, one_line

__all__ = [
    "app",
    "approve",
    "best",
    "catalog",
    "cluster",
    "export",
    "gate",
    "ledger",
    "main",
    "pools",
    "promote",
    "report",
    "saturation",
    "search",
    "start",
    "steps",
]


_QUICK = {"ui", "list", "schema", "catalog"}
"""Commands that do no work of their own: what they are is over at once, or another program."""
_STOPPED = "inc-mlflow: stopped; run the same command again to go on"


def main() -> None:
    """Run one command; what the user can mend is one line on standard error and exit code 2."""
    arguments = sys.argv[1:] or ["--help"]
    try:
        with _guard(arguments):
            sys.exit(app(arguments, standalone_mode=False))
    except typer.TyperException as error:
        _refuse(f"{' '.join(error.format_message().split())} See `inc-mlflow --help`.")
    except IncError as error:
        _refuse("; ".join([str(error), *getattr(error, "__notes__", [])]))
    except (KeyboardInterrupt, typer.Abort):
        print(_STOPPED, file=sys.stderr)
        sys.exit(130)


def _guard(arguments: list[str]) -> AbstractContextManager[None]:
    if not _works(arguments):
        return nullcontext()
    from inc_mlflow.guard import guarded  # not needed for help

    return guarded(_STOPPED)


def _works(arguments: list[str]) -> bool:
    """Tell whether a command may work for long, have processes and temporary files."""
    return not arguments[0].startswith("-") and arguments[0] not in _QUICK and "--help" not in arguments


def _refuse(message: str) -> None:
    print(f"inc-mlflow: {one_line(message)}", file=sys.stderr)
    sys.exit(2)
