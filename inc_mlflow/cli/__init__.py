"""Command line: parse, call one step or pipeline, print. Exit codes: 0 pass, 1 bug, 2 user, 3 fail, 4 inconclusive."""

import sys

import typer

# The help lists commands in the order of these imports.
# isort: off
from inc_mlflow.cli import start, steps, search, saturation, gate, promote, best, ledger, approve, cluster, pools

# isort: on
from inc_mlflow.cli.app import app
from inc_mlflow.errors import IncError, one_line

__all__ = [
    "app",
    "approve",
    "best",
    "cluster",
    "gate",
    "ledger",
    "main",
    "pools",
    "promote",
    "saturation",
    "search",
    "start",
    "steps",
]


def main() -> None:
    """Run one command; what the user can mend is one line on standard error and exit code 2."""
    try:
        sys.exit(app(sys.argv[1:] or ["--help"], standalone_mode=False))
    except typer.TyperException as error:
        _refuse(f"{' '.join(error.format_message().split())} See `inc-mlflow --help`.")
    except IncError as error:
        _refuse(str(error))
    except (KeyboardInterrupt, typer.Abort):
        print("inc-mlflow: stopped; run the same command again to go on", file=sys.stderr)
        sys.exit(130)


def _refuse(message: str) -> None:
    print(f"inc-mlflow: {one_line(message)}", file=sys.stderr)
    sys.exit(2)
