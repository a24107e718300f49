"""Builders: a copy of the digits example that a test may spoil, and ways to call the program on it."""

import json
import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from tests.support.brief_benchmarks import brief
from tests.support.paths import EXAMPLE

PROGRAM = Path(sys.executable).with_name("inc-mlflow")
REMOVE = object()


class Work:
    """A directory with a job of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        for name in ("job.yaml", "fp32.onnx", "calib.npz", "tune.npz", "dev.npz"):
            shutil.copyfile(EXAMPLE / name, folder / name)
        self.job = folder / "job.yaml"
        self.state = folder / ".inc-mlflow"

    def set(self, field: str, value: Any) -> None:
        """Change one field of the job, named as ``data.calibration.samples``."""
        spec = yaml.safe_load(self.job.read_text())
        *parents, last = field.split(".")
        part = spec
        for name in parents:
            part = part.setdefault(name, {})
        if value is REMOVE:
            del part[last]
        else:
            part[last] = value
        self.job.write_text(yaml.safe_dump(spec))

    def unset(self, field: str) -> None:
        self.set(field, REMOVE)

    def write(self, name: str, content: str | bytes) -> Path:
        path = self.folder / name
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    def arrays(self, name: str) -> dict[str, np.ndarray]:
        with np.load(EXAMPLE / name) as archive:
            return dict(archive)

    def save(self, name: str, **arrays: np.ndarray) -> None:
        np.savez(self.folder / name, **arrays)

    def change(self, name: str, **arrays: np.ndarray) -> None:
        """Replace some arrays of one of the example's files."""
        self.save(name, **self.arrays(name) | arrays)

    def step(self, name: str) -> Path:
        """Return the only directory of a step in the state folder."""
        (found,) = self.state.glob(f"*/{name}")
        return found

    def registered(self) -> int:
        """Count the registered models of the local store; none where there is no store."""
        return self.count("registered_models")

    def count(self, table: str) -> int:
        return len(self.rows(f"SELECT * FROM {table}"))

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        store = self.state / "mlflow.db"
        if not store.is_file():
            return []
        connection = sqlite3.connect(store)
        try:
            return connection.execute(query).fetchall()
        except sqlite3.DatabaseError:  # a store that a full disk kept from getting its tables
            return []
        finally:
            connection.close()


@pytest.fixture(autouse=True)
def _plain_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in os.environ:
        if name.startswith(("MLFLOW_", "INC_MLFLOW_")):
            monkeypatch.delenv(name)


@pytest.fixture
def work(tmp_path: Path) -> Work:
    return Work(tmp_path / "job")


@pytest.fixture(scope="session")
def make_work() -> Callable[[Path], Work]:
    return Work


def program(*arguments: str | Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run the installed program."""
    clean = {
        name: value for name, value in os.environ.items() if not name.startswith(("MLFLOW_", "INC_MLFLOW_"))
    }
    command = [str(PROGRAM), *map(str, arguments)]
    return subprocess.run(
        command, capture_output=True, text=True, env=clean | brief() | environment, timeout=300, check=False
    )


@pytest.fixture(scope="session")
def run_program() -> Callable[..., subprocess.CompletedProcess[str]]:
    return program


@pytest.fixture
def answer(call: Callable[..., tuple[int, str, str]]) -> Callable[..., dict[str, Any]]:
    """Call a command with --json in this process and return its one object."""

    def inner(*arguments: str | Path) -> dict[str, Any]:
        code, out, err = call(*arguments, "--json")
        assert code == 0, err
        result = json.loads(out)
        assert isinstance(result, dict)
        return result

    return inner


def check_line(line: str, *fragments: str) -> None:
    """A refusal is one line that begins with the program's name and holds the place and what is allowed."""
    assert line.startswith("inc-mlflow: "), line
    missing = [fragment for fragment in fragments if fragment not in line]
    assert not missing, f"{missing} not in: {line}"


@pytest.fixture
def refused(
    call: Callable[..., tuple[int, str, str]], work: Work, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., None]:
    """Assert that a command is refused before any step runs: exit 2, one line with all ``holds``, no trace
    elsewhere."""

    def inner(*arguments: str | Path, holds: tuple[str, ...]) -> None:
        import inc_mlflow.pipelines.run

        def reached(*_: Any) -> None:
            raise AssertionError("the pipeline was started with a bad job")

        monkeypatch.setattr(inc_mlflow.pipelines.run, "run_local", reached)
        code, out, err = call(*arguments)
        assert (code, out) == (2, ""), err
        (line,) = err.splitlines()
        check_line(line, *holds)
        assert work.registered() == 0

    return inner


@pytest.fixture(scope="session")
def refused_late() -> Callable[..., None]:
    """Assert on a real run that a step refused: exit 2, KFP's log on standard error ends with the step's one
    line."""

    def inner(ended: subprocess.CompletedProcess[str], *holds: str) -> None:
        assert (ended.returncode, ended.stdout) == (2, ""), ended.stderr[-600:]
        lines = ended.stderr.splitlines()
        assert [line for line in lines if line.startswith("inc-mlflow: ")] == lines[-1:]
        check_line(lines[-1], *holds)

    return inner
