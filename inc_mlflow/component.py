"""Program of every container task: ``python -m inc_mlflow.component STEP --executor-input '{{$}}'``.

The exit code is 0 whatever the gate's verdict is, since the verdict is an output. What the user can mend is
one line on standard error and exit code 2.
"""

import argparse
import json
import os
import sys
import tempfile
from typing import Any

from inc_mlflow.components import COMPONENTS
from inc_mlflow.errors import IncError
from inc_mlflow.guard import guarded


def main(arguments: list[str] | None = None) -> int:
    """Run one step with the inputs that KFP hands over; return the exit code."""
    options = _parser().parse_args(arguments)
    # MLflow needs a home directory; a numeric user without a line in /etc/passwd has none.
    os.environ.setdefault("HOME", tempfile.gettempdir())
    from inc_mlflow.components._base import execute

    try:
        with guarded(f"{options.step}: stopped"):
            execute(options.step, options.executor_input)
    except IncError as error:
        print(f"{options.step}: {error}", file=sys.stderr)
        return 2
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        "python -m inc_mlflow.component", description="Run one step as a task of Kubeflow Pipelines."
    )
    parser.add_argument("step", choices=list(COMPONENTS))
    parser.add_argument(
        "--executor-input",
        type=_mapping,
        required=True,
        metavar="JSON",
        help="What KFP puts for the placeholder {{$}}.",
    )
    return parser


def _mapping(text: str) -> dict[str, Any]:
    try:
        found = json.loads(text)
    except json.JSONDecodeError as error:
        raise argparse.ArgumentTypeError(
            f"not JSON ({error}); KFP writes it for the placeholder {{{{$}}}}"
        ) from error
    if not isinstance(found, dict):
        raise argparse.ArgumentTypeError("not a JSON object; KFP writes one for the placeholder {{$}}")
    return found


if __name__ == "__main__":
    sys.exit(main())
