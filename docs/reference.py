"""Print the command-line reference in Markdown, from the program's own help.

`make docs` writes it to reference.md.
"""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import typer

from inc_mlflow.cli.app import app

PROGRAM = Path(sys.executable).with_name("inc-mlflow")


def text(*arguments: str) -> str:
    """Return what the program prints, at a fixed width."""
    environment = {"COLUMNS": "100", "TERM": "dumb", "PATH": ""}
    done = subprocess.run(
        [PROGRAM, *arguments, "--help"], capture_output=True, text=True, check=True, env=environment
    )
    return done.stdout.strip()


def main() -> None:
    """Print one section per command."""
    commands = [(), *_commands(app)]
    print("# Command line\n\nMade from the program's own help by `make docs`; do not edit.")
    for command in commands:
        print(f"\n## {' '.join(['inc-mlflow', *command])}\n\n```text\n{text(*command)}\n```")


def _commands(program: typer.Typer) -> Iterator[tuple[str, ...]]:
    """Yield the words of each command, those of groups last."""
    for command in program.registered_commands:
        yield (command.name or command.callback.__name__,)
    for group in program.registered_groups:
        if group.invoke_without_command is True:
            yield (group.name,)
        yield from ((group.name, *inner) for inner in _commands(group.typer_instance))


if __name__ == "__main__":
    main()
