"""Starts a framework's process: the parent never imports the framework."""

import subprocess
import sys
import tempfile
from collections.abc import Collection, Sequence
from pathlib import Path

from inc_mlflow import errors
from inc_mlflow.arrays import Arrays
from inc_mlflow.engines.row_axes import RowAxes
from inc_mlflow.errors import IncError, KilledError, ModelError
from inc_mlflow.measure.timing.worker import load_batches, save_batches
from inc_mlflow.records import TensorSpec
from inc_mlflow.registry.sources import SOURCES
from inc_mlflow.sources.exchange import ROWS, VALUES, Answer, Request
from inc_mlflow.sources.source import Converted
from inc_mlflow.spec import SourceSpec


def convert_apart(spec: SourceSpec, root: Path, target: Path) -> Converted:
    """Write a source's ONNX file; raise MissingExtraError where its framework is not installed.

    The process's own IncErrors are raised here as well, KilledError where the system ended it.
    """
    with tempfile.TemporaryDirectory() as folder:
        request = _request(spec, root).model_copy(update={"target": str(target)})
        answer = _answer(spec, request, Path(folder))
    if answer.converted is None:
        raise TypeError(f"the source {spec.kind!r} gave no description of its file")
    return answer.converted


def run_apart(
    spec: SourceSpec,
    root: Path,
    rows: Sequence[Arrays],
    axes: RowAxes,
    inputs: Collection[TensorSpec],
    layers: Collection[str] = (),
) -> list[Arrays]:
    """Return what the framework gives for each batch of ``rows``; raise what ``convert_apart`` raises.

    ``inputs`` are as the ONNX file declares them, ``axes`` say where it has its rows. Outputs have their rows
    first; ``layers`` are tensors of the file, those that the framework does not know are left out.
    """
    with tempfile.TemporaryDirectory() as folder:
        save_batches(Path(folder) / ROWS, list(rows), axes)
        asked = {"inputs": tuple(inputs), "layers": tuple(layers)}
        _answer(spec, _request(spec, root).model_copy(update=asked), Path(folder))
        return load_batches(Path(folder) / VALUES)[0]


def _request(spec: SourceSpec, root: Path) -> Request:
    return Request(kind=spec.kind, text=spec.to_text(), root=str(root.resolve()))


def _answer(spec: SourceSpec, request: Request, folder: Path) -> Answer:
    """Run the program; what it prints is shown only where it fails without an answer."""
    SOURCES.check_packages(spec.kind)
    request.save(folder)
    command = [sys.executable, "-P", "-m", "inc_mlflow.sources.program", str(folder)]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace")
    answer = Answer.load(folder)
    if answer is None:
        raise _ended(spec, done)
    if answer.error:
        raise _error(spec, answer)
    return answer


def _ended(spec: SourceSpec, done: "subprocess.CompletedProcess[str]") -> Exception:
    """Return what a process without an answer means: a killed one, or a bug with its traceback."""
    if done.returncode == -9:
        return KilledError(
            f"model: {spec.where}: the process of its framework was killed, for want of memory?; "
            "give it more memory"
        )
    if done.returncode < 0:
        return ModelError(
            f"model: {spec.where}: its framework ended with signal {-done.returncode}; "
            "give a model that it can run",
            details=done.stderr,
        )
    return RuntimeError(f"the program of sources failed:\n{done.stderr}")


def _error(spec: SourceSpec, answer: Answer) -> Exception:
    kind = getattr(errors, answer.error, ModelError)
    if kind is ModelError:
        return ModelError(answer.message, details=answer.details)
    return kind(answer.message) if issubclass(kind, IncError) else ModelError(answer.message)
