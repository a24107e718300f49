"""ONNX Runtime's profiler: a session that records every kernel call, and the reader of its file."""

import json
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

import onnx

from inc_mlflow.arrays import Arrays
from inc_mlflow.engines.onnxruntime.graph.model_file import read_structure
from inc_mlflow.engines.onnxruntime.runtime.call_timeout import TimedSession
from inc_mlflow.engines.onnxruntime.runtime.rows import row_axes
from inc_mlflow.engines.onnxruntime.runtime.session import error_text, open_file, options
from inc_mlflow.errors import ModelError

_KERNEL = "_kernel_time"
_EXTERNAL = 1024  # bytes: larger weights go to a file of their own, for a model may exceed protobuf's 2 GB


@dataclass(frozen=True)
class Event:
    """One call of a kernel in whole microseconds, rounded down, including the profiler's own work."""

    name: str
    op_type: str
    provider: str
    microseconds: int


class ProfiledSession:
    """A model as the benchmark runs it, one thread and all optimisations on, under the profiler."""

    def __init__(self, model: Path) -> None:
        self._model = model
        self._runs = 0
        self._folder = tempfile.TemporaryDirectory()

    def __enter__(self) -> "ProfiledSession":
        folder = Path(self._folder.name)
        self._optimised = folder / "optimised.onnx"
        settings = options(threads=1)
        settings.enable_profiling = True
        settings.profile_file_prefix = str(folder / "profile")
        settings.optimized_model_filepath = str(self._optimised)
        settings.add_session_config_entry(
            "session.optimized_model_external_initializers_file_name", "weights.bin"
        )
        settings.add_session_config_entry(
            "session.optimized_model_external_initializers_min_size_in_bytes", str(_EXTERNAL)
        )
        try:
            self._session = open_file(self._model, settings)
        except ModelError:
            self._folder.cleanup()
            raise
        self._axes = row_axes(self._session)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._session.end_profiling()  # else it would write into the directory when it is collected
        self._folder.cleanup()

    def run(self, batches: Iterable[Arrays]) -> None:
        """Run batches; raise ModelError with ONNX Runtime's complaint in one line."""
        session = TimedSession(self._session, self._model)
        for batch in batches:
            session.run(None, self._axes.fed(batch))
            self._runs += 1

    def finish(self) -> list[list[Event]]:
        """End profiling and return the kernel calls of each batch.

        Raises ModelError where the profile is not complete.
        """
        with Path(self._session.end_profiling()).open() as lines:
            runs = parse(lines, str(self._model))
        if len(runs) != self._runs:
            raise ModelError(
                f"{self._model}: onnxruntime's profile holds {len(runs)} of {self._runs} runs; "
                "profile fewer batches or passes"
            )
        return runs

    def graph(self) -> onnx.GraphProto:
        """Return the optimised graph without weights; its nodes have the names of the kernel calls."""
        return read_structure(self._optimised).graph


def parse(lines: Iterable[str], where: str) -> list[list[Event]]:
    """Read a profile, one JSON object per line, and return the kernel calls of each run.

    Raises ModelError where the lines are no profile.
    """
    runs: list[list[Event]] = []
    calls: list[Event] = []
    try:
        for event in _objects(lines):
            if event["cat"] == "Node" and event["name"].endswith(_KERNEL):
                calls.append(_event(event))
            elif event["name"] == "model_run":
                runs.append(calls)
                calls = []
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ModelError(
            f"{where}: onnxruntime's profile cannot be read: {error_text(error)}; profile again"
        ) from error
    return runs


def _objects(lines: Iterable[str]) -> Iterator[dict[str, Any]]:
    for line in lines:
        text = line.strip().rstrip(",")
        if text not in {"", "[", "]"}:
            yield json.loads(text)


def _event(event: dict[str, Any]) -> Event:
    args = event["args"]
    return Event(event["name"].removesuffix(_KERNEL), args["op_name"], args["provider"], int(event["dur"]))
