"""Compare the outputs of two models on the same rows, each output relative to itself."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import inf, isfinite
from types import MappingProxyType

import numpy as np

from inc_mlflow.arrays import Arrays

TOLERANCE = 1e-3
"""Largest difference of a float output, relative to its own largest finite value.

Another order of the same float32 operations changes an output by about 1e-6, a deep network's by up to 1e-4;
a wrong conversion changes it by percents.
"""
_ROUNDINGS = 32
"""How many roundings may add up in one output of a source that computes with 16 bits."""
_FLIPS = 0.01
"""Share of the values of an output of integers, booleans or texts that may differ: ties fall either way."""
_OWN_NOISE = 10.0
"""How many times the difference that the source shows by itself explains one of the baseline."""
_NO_NOISE: Mapping[str, float] = MappingProxyType({})


@dataclass(frozen=True)
class Comparison:
    """How far two models are apart; ``fault`` says which output is wrong and how, None where none is."""

    absolute: float
    """Largest absolute difference of the finite values of all float outputs."""
    fault: str | None


def tolerance_of(precision: str) -> float:
    """Return the tolerance for a source that computes in a float type, given by NumPy's name."""
    return max(TOLERANCE, _ROUNDINGS * _epsilon(precision))


def nudged(rows: Sequence[Arrays], precision: str) -> list[Arrays]:
    """Return rows whose float inputs are changed by one rounding of a float type."""
    factor = 1 + _epsilon(precision)
    return [{name: _scaled(value, factor) for name, value in row.items()} for row in rows]


def own_noise(outputs: Sequence[Arrays], again: Sequence[Arrays]) -> dict[str, float]:
    """Return how far each output of two runs of one model is apart, as ``compare_outputs`` takes it.

    Infinite where shapes, or places of NaN and infinity, differ: such an output is random or chaotic.
    """
    found = {name: _difference(name, outputs, again) for name in outputs[0]}
    return {name: inf if isinstance(one, str) else one.size for name, one in found.items()}


def compare_outputs(
    before: Sequence[Arrays],
    after: Sequence[Arrays],
    tolerance: float,
    noise: Mapping[str, float] = _NO_NOISE,
) -> Comparison:
    """Compare the outputs of each row, one ``Arrays`` per row and model, by these rules.

    Shapes and types are equal; NaN and infinity stand at equal places; float values differ by at most
    ``tolerance`` of the output's largest finite value; of other values at most 1 % differ. Up to ten times an
    output's ``noise`` is allowed as well, and one with infinite noise is left out.
    """
    absolute, faults = 0.0, []
    for name in before[0]:
        if not isfinite(own := noise.get(name, 0.0)):
            continue
        found = _difference(name, before, after)
        if isinstance(found, str):
            faults.append(f"output {name!r} {found}")
            continue
        absolute = max(absolute, found.size if found.continuous else 0.0)
        limit = tolerance * found.scale if found.continuous else _FLIPS
        if found.size > max(limit, _OWN_NOISE * own):
            faults.append(f"output {name!r} {found.text()}")
    return Comparison(absolute, faults[0] if faults else None)


def relative_difference(before: Sequence[Arrays], after: Sequence[Arrays]) -> float | None:
    """Return the largest difference of any output, relative to its largest value; None where shapes differ.

    Of outputs that are no floats it is the share of unequal values.
    """
    found = [_difference(name, before, after) for name in before[0]]
    sizes = [one.size / (one.scale or 1.0) for one in found if not isinstance(one, str)]
    return max(sizes, default=0.0) if len(sizes) == len(found) else None


def output_differences(before: Sequence[Arrays], after: Sequence[Arrays]) -> dict[str, float]:
    """Return how far each output of ``before`` is apart, as ``relative_difference`` of it alone.

    Infinite where shapes, types, or places of NaN and infinity differ, or the output is missing.
    """
    found = {}
    for name in before[0]:
        one = relative_difference([{name: row[name]} for row in before], after)
        found[name] = inf if one is None else one
    return found


def nan_output(outputs: Sequence[Arrays]) -> str | None:
    """Return the name of an output with NaN; None where there is none."""
    found = (
        name
        for row in outputs
        for name, value in row.items()
        if value.dtype.kind == "f" and np.isnan(value).any()
    )
    return next(found, None)


@dataclass(frozen=True)
class _Difference:
    """Difference of one output: absolute where it is ``continuous``, else the share of unequal values."""

    size: float
    scale: float
    continuous: bool

    def text(self) -> str:
        if not self.continuous:
            return f"differs in {self.size:.2g} of its values"
        if not self.scale:
            return f"differs by {self.size:.3g} where it is 0"
        return f"differs by {self.size / self.scale:.2g} of its largest value"


def _difference(name: str, before: Sequence[Arrays], after: Sequence[Arrays]) -> _Difference | str:
    """Return the difference of one output over all rows, or in words why it has none."""
    if any(name not in row for row in after):
        return "is missing"
    pairs = [(one[name], other[name]) for one, other in zip(before, after, strict=True)]
    for a, b in pairs:
        if a.shape != b.shape:
            return f"has the shape {b.shape}, not {a.shape}"
        if a.dtype != b.dtype:
            return f"has the type {b.dtype}, not {a.dtype}"
    a, b = (np.concatenate([pair[side].ravel() for pair in pairs]) for side in (0, 1))
    if a.dtype.kind != "f":
        return _Difference(float(np.mean(a != b)) if a.size else 0.0, 1.0, continuous=False)
    finite = np.isfinite(a)
    if not np.array_equal(a[~finite], b[~finite], equal_nan=True) or not np.isfinite(b[finite]).all():
        return "has NaN or infinity at other places"
    a, b = a[finite].astype(np.float64), b[finite].astype(np.float64)
    return _Difference(_largest(a - b), _largest(a), continuous=True)


def _scaled(array: np.ndarray, factor: float) -> np.ndarray:
    if array.dtype.kind != "f":
        return array
    with np.errstate(over="ignore"):  # the largest number may become infinite
        return np.asarray(array * array.dtype.type(factor))


def _largest(values: np.ndarray) -> float:
    return float(np.abs(values).max()) if values.size else 0.0


def _epsilon(precision: str) -> float:
    """Return the distance from 1 to the next number; NumPy has no bfloat16."""
    return 2.0**-7 if precision == "bfloat16" else float(np.finfo(precision).eps)
