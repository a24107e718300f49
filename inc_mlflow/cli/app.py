"""The program and its help in panels, without rich: importing that would double the time `--help` takes."""

import json
import sys
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from inc_mlflow.errors import one_line

PANELS = START, STEPS, PROMOTE, CLUSTER = ("Start", "Steps", "Promote", "Cluster")
JSON = Annotated[bool, typer.Option("--json", help="Print one JSON object on standard output, nothing else.")]


class Panels(TyperGroup):
    """List commands under the heading of their panel, in the order of their definition."""

    def list_commands(self, ctx: Any) -> list[str]:
        """Keep the order in which commands are defined."""
        return list(self.commands)

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """Write one section per panel."""
        for panel in PANELS:
            rows = [
                (name, command.get_short_help_str(limit=90))
                for name, command in self.commands.items()
                if getattr(command, "rich_help_panel", None) == panel
            ]
            with formatter.section(panel):
                formatter.write_dl(rows)


app = typer.Typer(
    cls=Panels,
    help=(
        "Turn an FP32 ONNX model into an INT8 model that can be trusted: calibrate, quantise, evaluate, "
        "benchmark, judge and promote.\n\nBegin with `inc-mlflow run examples/digits/job.yaml`, then "
        "`inc-mlflow ui examples/digits`."
    ),
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    add_completion=False,
    no_args_is_help=True,
)


@app.callback(invoke_without_command=True)
def version(
    show: Annotated[
        bool, typer.Option("--version", help="Print the version and exit.", is_eager=True)
    ] = False,
) -> None:
    """Options of the program itself."""
    if show:
        from inc_mlflow import __version__

        print(f"inc-mlflow {__version__}")
        raise typer.Exit


def emit(result: dict[str, Any], as_json: bool) -> None:
    """Print a command's result: one JSON object, or a line per key."""
    if as_json:
        json.dump(result, sys.stdout, indent=1)
        print()
        return
    for key, value in result.items():
        show(f"{key}: {value if isinstance(value, str | int | float) else json.dumps(value)}")


EXIT = {"pass": 0, "fail": 3, "inconclusive": 4}
"""Exit code of a command that judges."""


def show(line: str) -> None:
    """Print one line of a result, whatever names stand in it."""
    print(one_line(line), flush=True)


def say(note: str) -> None:
    """Tell a person something on standard error, in one line."""
    print(one_line(note), file=sys.stderr)
