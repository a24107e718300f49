"""Runs a job as users do, and returns its table."""

import json
import subprocess
import sys
from pathlib import Path

_SHOWN = ("recipe", "accuracy", "relative_drop", "speedup", "size_bytes", "verdict")


def job_table(root: Path, job: dict) -> list[dict]:
    """Write a job into the folder with its files, run it, and return what matters of its table's rows."""
    (root / "job.yaml").write_text(json.dumps(job))
    command = [Path(sys.executable).with_name("inc-mlflow"), "run", root / "job.yaml", "--json"]
    done = subprocess.run(command, stdout=subprocess.PIPE, check=False)
    return [{name: row[name] for name in _SHOWN} for row in json.loads(done.stdout)["table"]]
