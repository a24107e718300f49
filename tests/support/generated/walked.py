"""What the program makes of one graph: faults (what must never happen) and refusals (one line each)."""

import re
import signal
import tempfile
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import FrameType

import numpy as np
import onnx

from inc_mlflow.arrays import Arrays
from tests.support.generated.rounding import rounding_error
from tests.support.graph_walk import Outcome, single_rows, walk_batches
from tests.support.refusals import kind_of, line_faults

RECIPES = ["qdq", "qop", "dyn"]
LIMIT = 0.15
"""Relative root mean square error of a candidate's output above which the reason is looked for."""
HALF = 1e-2
"""Half-precision numbers are exact to 0.05 %, and a source adds up the errors of some; its baseline has none."""
SECONDS = 60
FACTOR = 4.0
"""A candidate's error may be this many times that of rounding every tensor of the graph by itself: kernels round
less carefully than the nearest step, as a linear Resize, which cuts off."""


@dataclass(frozen=True)
class Report:
    """``faults`` are lines; ``kinds`` are their beginnings, equal for equal faults."""

    outcomes: dict[str, Outcome]
    faults: list[str] = field(default_factory=list)
    kinds: frozenset[str] = frozenset()
    lossy: list[str] = field(default_factory=list)
    """Recipes whose error is above the limit, as is that of plain rounding."""

    @property
    def refused(self) -> dict[str, str]:
        """By step, the refusal's line with names and numbers left out."""
        return {step: kind_of(one.text) for step, one in self.outcomes.items() if one.verdict == "refused"}


def walked(model: onnx.ModelProto, rows: Arrays) -> Report:
    """Import a model and quantise it by three recipes; every way to go wrong is a fault of the report."""
    return walked_batches(model, single_rows(rows))


def walked_batches(model: onnx.ModelProto, batches: list[Arrays]) -> Report:
    """Do the same with batches as they are fed."""
    with tempfile.TemporaryDirectory() as folder:
        source, target = Path(folder) / "source.onnx", Path(folder) / "target"
        target.mkdir()
        onnx.save(model, source)
        try:
            with _deadline():
                outcomes = walk_batches(source, batches, target, LIMIT, RECIPES)
        except Exception as error:  # noqa: BLE001  any traceback is what is looked for
            return _traceback(error)
        return _judged(model, batches, outcomes, folder)


@contextmanager
def _deadline() -> Iterator[None]:
    """End a walk that never ends; it is the main thread's."""

    def late(number: int, frame: FrameType | None) -> None:
        raise TimeoutError(f"no end after {SECONDS} s")

    before = signal.signal(signal.SIGALRM, late)
    signal.alarm(SECONDS)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def _traceback(error: Exception) -> Report:
    frame = traceback.extract_tb(error.__traceback__)[-1]
    text = f"{type(error).__name__}: {' '.join(str(error).split())[:200]} ({Path(frame.filename).name}:{frame.lineno})"
    kind = re.sub(r"'[^']*'|\d+", "*", f"traceback {type(error).__name__} {Path(frame.filename).name}")
    return Report({"import": Outcome("traceback", text)}, [f"traceback: {text}"], frozenset([kind]))


def _is_half(model: onnx.ModelProto) -> bool:
    return any(one.type.tensor_type.elem_type == onnx.TensorProto.FLOAT16 for one in model.graph.output)


def _judged(
    model: onnx.ModelProto, batches: list[Arrays], outcomes: dict[str, Outcome], folder: str
) -> Report:
    faults, kinds, lossy = [], set(), []
    explained: float | None = None
    for step, outcome in list(outcomes.items()):
        if outcome.verdict == "refused":
            for flaw in line_faults(outcome.text, folder):
                faults.append(f"{step} is refused with {flaw}: {outcome.text[:300]!r}")
                kinds.add(f"line {step} {flaw}")
        if outcome.verdict != "wrong":
            continue
        if step == "import" and outcome.error <= HALF and _is_half(model):
            outcomes[step] = replace(outcome, verdict="right")
            continue
        if step != "import" and np.isfinite(outcome.error):
            explained = rounding_error(model, batches) if explained is None else explained
            if outcome.error <= FACTOR * explained:
                outcomes[step] = replace(outcome, verdict="right")
                lossy.append(f"{step} {outcome.error:.2f} (rounding alone {explained:.2f})")
                continue
        faults.append(f"{step} is wrong: {outcome.text} {outcome.error:.3g}, rounding alone {explained}")
        kinds.add(f"wrong {step}")
    return Report(outcomes, faults, frozenset(kinds), lossy)
