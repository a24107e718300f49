"""Print the command-line reference in Markdown, from the program's own help. `make docs` writes it to reference.md."""

import subprocess
import sys
from pathlib import Path

from inc_mlflow.cli.app import app

PROGRAM = Path(sys.executable).with_name("inc-mlflow")


def text(*arguments: str) -> str:
    """Return what the program prints, at a fixed width."""
    environment = {"COLUMNS": "100", "TERM": "dumb", "PATH": ""}
    done = subprocess.run([PROGRAM, *arguments, "--help"], capture_output=True, text=True, check=True, env=environment)
    return done.stdout.strip()


def main() -> None:
    """Print one section per command."""
    names = [command.name or command.callback.__name__ for command in app.registered_commands]
    sections = [("inc-mlflow", text()), *((f"inc-mlflow {name}", text(name)) for name in names)]
    print("# Command line\n\nMade from the program's own help by `make docs`; do not edit.")
    for title, body in sections:
        print(f"\n## {title}\n\n```text\n{body}\n```")


if __name__ == "__main__":
    main()
