"""A candidate's outputs beside the baseline's: eight bits explain an error, but not every error.

A tensor of 8 bits is exact to about 1 % of its root mean square, and a network adds up a few of these. Of 70
candidates of five real networks (static and dynamic, both formats, all calibration methods), 68 have outputs
that are off by at most 41 % of their root mean square. The other two, one network with integer operators,
are off by up to 63 % and by twice the standard deviation; the F1 of the one that was scored fell below a
half. An output beyond the bounds below has been computed wrongly, or is of no use: it has less than one bit
of signal, or says less than its mean does.
"""

from collections.abc import Sequence
from itertools import islice
from pathlib import Path

import numpy as np

from inc_mlflow.arrays import Arrays
from inc_mlflow.engines.engine import Engine, LoadedModel, RunSettings
from inc_mlflow.errors import ModelError, reason
from inc_mlflow.formatting import percent
from inc_mlflow.spec import Job
from inc_mlflow.steps.data import open_data

LARGEST_ERROR = 0.6
"""Largest root mean square of an output's error, relative to that of the output itself."""
LEAST_ERROR = 0.2
"""Below it no output is refused: one that hardly varies has a standard deviation of nothing."""
_TEXT = "USO"
"""Kinds of arrays of texts, whose types NumPy may tell apart by the length of the longest."""
ROWS = 16
"""Rows that are compared, one at a time; more of them change the second digit."""
NAMED = 2
"""Rows on which the departing node is looked for: there all tensors of both models are compared."""


class DepartedError(ModelError):
    """A candidate runs, and its outputs are not those of the baseline by more than INT8 explains."""


class Reference:
    """Rows and the baseline's outputs on them, computed once for all candidates."""

    def __init__(self, engine: Engine, baseline: Path, rows: Sequence[Arrays]) -> None:
        self.baseline = baseline
        self._engine, self._rows = engine, rows
        loaded = engine.load(baseline, RunSettings())
        self._outputs = [loaded(row) for row in rows]
        analysis = engine.analysis
        self._sorted = analysis.selected_outputs(baseline) if analysis and rows else frozenset()

    def check(self, candidate: Path, label: str) -> LoadedModel:
        """Run a candidate on the rows and return it, loaded.

        Outputs must have the baseline's types and shapes, be finite where the baseline's are, and be near
        them where they are floats; integers, booleans and texts may differ. Outputs that select or order by
        value are compared in sorted order, since a near tie may fall the other way, and their sizes may
        differ. Outputs that are no tensors are left out. Raises ModelError where the candidate does not run,
        and DepartedError with the name of the output and, where the engine can tell, of the first node that
        departs.
        """
        try:
            loaded = self._engine.load(candidate, RunSettings())
            found = [loaded(row) for row in self._rows]
        except ModelError as error:
            complaint = str(error).removeprefix(f"{candidate}: ")  # the file is removed with the candidate
            raise ModelError(
                f"recipe {label!r}: the INT8 model does not run; choose another recipe: {complaint}",
                error.details,
            ) from error
        problem = _first_problem(self._outputs, found, self._sorted)
        if problem:
            raise DepartedError(
                f"recipe {label!r}: {problem} on calibration rows, which INT8 does not explain"
                f"{self._departure(candidate)}; choose another recipe"
            )
        return loaded

    def _departure(self, candidate: Path) -> str:
        """Name the node where a wrong candidate departs, as far as the engine can tell."""
        if self._engine.analysis is None:
            return ""
        try:
            node = self._engine.analysis.first_departure(self.baseline, candidate, self._rows[:NAMED])
        except ModelError as error:
            return f" (no node could be named: {reason(error)})"
        return f": it departs at node {node!r}" if node else ""


def compared_rows(job: Job) -> list[Arrays]:
    """Return the rows on which a candidate is compared with its baseline, each a batch of one.

    They are those of calibration, or of validation where the job has no calibration split.
    """
    split = "calibration" if "calibration" in job.spec.data.splits() else "validation"
    return [inputs for inputs, *_ in islice(open_data(job).rows(split, size=1), ROWS)]


def _first_problem(true: Sequence[Arrays], found: Sequence[Arrays], ordered: frozenset[str]) -> str | None:
    """Return what is wrong with the first output that is wrong; None where all are right."""
    for name in true[0] if true else ():
        pairs = [(one[name], other.get(name)) for one, other in zip(true, found, strict=True)]
        tensors = [(np.asarray(a), b) for a, b in pairs if isinstance(a, np.ndarray | np.generic)]
        problem = _problem(tensors, name in ordered)
        if problem:
            return f"output {name!r} {problem}"
    return None


def _problem(pairs: Sequence[tuple[np.ndarray, object]], ordered: bool) -> str | None:
    """Return what is wrong with an output, given as (true, found) of each row."""
    arrays = []
    for a, found in pairs:
        b = np.asarray(found)
        if a.dtype != b.dtype and a.dtype.kind not in _TEXT:
            return f"has the type {b.dtype}, the baseline's {a.dtype}"
        if a.shape != b.shape and not (ordered and a.ndim == b.ndim):
            return f"has the shape {b.shape}, the baseline's {a.shape}"
        arrays.append(_alike(a, b) if ordered else (a.ravel(), b.ravel()))
    if not arrays or arrays[0][0].dtype.kind != "f":
        return None
    return _distance(*(np.concatenate(side).astype(np.float64) for side in zip(*arrays, strict=True)))


def _alike(a: np.ndarray, b: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the values in order, the largest as many as both have."""
    count = min(a.size, b.size)
    return np.sort(a, axis=None)[a.size - count :], np.sort(b, axis=None)[b.size - count :]


def _distance(true: np.ndarray, found: np.ndarray) -> str | None:
    finite = np.isfinite(true)
    true, found = true[finite], found[finite]
    if not np.isfinite(found).all():
        return "is NaN or infinite where the baseline's is a number"
    if not true.size:
        return None
    error, size = (float(np.sqrt(np.mean(np.square(one)))) for one in (true - found, true))
    too_large = error > LARGEST_ERROR * size or (error > np.std(true) and error > LEAST_ERROR * size)
    # An output that is zero on all rows has no size to compare with.
    return f"is off by {percent(error / size)} of its root mean square" if size and too_large else None
