"""Run several models over the same rows, and make outcomes of what the metric keeps."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from types import MappingProxyType

import numpy as np

from inc_mlflow.arrays import Arrays
from inc_mlflow.errors import DataError, IncError
from inc_mlflow.measure.stats.resample import Missing, resample
from inc_mlflow.measure.stats.seed import SEED

RunModel = Callable[[Arrays], Arrays]
_Kept = tuple[int, dict[str, dict[str, Arrays]], dict[str, Arrays | None]]
"""Of one batch: its rows, and by metric what is kept of each model, and of the optional one if accepted."""
OPTIONAL = " optional"
"""Name of the optional model; labels begin with no blank."""
SCORE = "score"
"""Name of the scores of rows among what is kept, where the metric decomposes."""


@dataclass(frozen=True)
class Scoring:
    """The part of a metric that this module needs; see ``metrics.metric.Metric``."""

    keep: Callable[[Arrays, np.ndarray | None], Arrays]
    score: Callable[[Arrays, Arrays], np.ndarray | float]
    decomposable: bool
    group: Callable[[Arrays], Arrays] = dict
    """From all rows to what is resampled; the rows themselves by default."""
    missing: Missing | None = None
    """Says what labels lack; resamples that lack something are left out for all models alike."""


def effective_rows(weights: np.ndarray, groups: np.ndarray | None = None) -> float:
    """Return the effective sample size of ``weights``, shape (n,), or of their sums in groups; at least 1.

    Kish, Survey Sampling, 1965: the square of the sum over the sum of squares. ``groups``, shape (n,), has
    the number of each row's group.
    """
    units = weights if groups is None else np.bincount(groups, weights)
    squares = float(np.square(units).sum())
    return max(1.0, float(units.sum()) ** 2 / squares) if squares > 0 else 1.0


MOST_WRONG = 100
"""Most rows that get a wrong answer, one at a time, to see how much each counts."""


def row_influences(
    kept: Arrays, score: Callable[[Arrays, Arrays], np.ndarray | float], labels: str
) -> np.ndarray:
    """Return how much a metric of all rows changes where one row gets the answer of another.

    The shape is (rows that were tried,). It stands for the weights of a metric that does not say what its
    rows weigh. ``labels`` names the array of ``kept`` that is no answer.
    """
    rows = len(next(iter(kept.values())))
    random, value = np.random.default_rng(SEED), float(score(kept, kept))
    tried = random.permutation(rows)[:MOST_WRONG]
    others = (tried + random.integers(1, max(rows, 2), len(tried))) % rows
    return np.array(
        [
            abs(float(score(_with_wrong_answer(kept, *pair, labels), kept)) - value)
            for pair in zip(tried, others, strict=True)
        ]
    )


def _with_wrong_answer(kept: Arrays, row: int, other: int, labels: str) -> Arrays:
    changed = {name: array.copy() for name, array in kept.items() if name != labels}
    for array in changed.values():
        array[row] = array[other]
    return kept | changed


@dataclass(frozen=True)
class Outcomes:
    """One model's metric, and what paired statistics need.

    ``replicates`` are scores per row, shape (rows,); or the metric on each of up to 1,000 resamples, shape
    (resamples,), where it does not decompose.
    """

    value: float
    replicates: np.ndarray


def evaluate_rows(
    models: Mapping[str, RunModel],
    baseline: str,
    rows: Iterable[tuple[Arrays, np.ndarray | None]],
    scoring: Scoring,
    workers: int,
    optional: RunModel | None = None,
) -> dict[str, Arrays]:
    """Return what ``evaluate_metrics`` does of one metric."""
    found = evaluate_metrics(models, baseline, rows, {"": scoring}, workers, {"": optional})
    return found[""]


def evaluate_metrics(
    models: Mapping[str, RunModel],
    baseline: str,
    rows: Iterable[tuple[Arrays, np.ndarray | None]],
    scorings: Mapping[str, Scoring],
    workers: int,
    optional: Mapping[str, RunModel | None] = MappingProxyType({}),
) -> dict[str, dict[str, Arrays]]:
    """Return by metric and model what outcomes are made from: arrays of shape (rows, ...).

    That is one score per row where the metric decomposes, else what it keeps of all rows. Every model sees
    the very same batches once, whatever the number of metrics, ``workers`` of them at a time. ``optional`` is
    one more model of each metric, under ``OPTIONAL``: it is left out where the metric refuses its outputs.
    Raises DataError where there are no rows, where a metric does not give one score per row, or where outputs
    differ in shape between batches.
    """
    joining = {metric: _Joining(scoring, baseline) for metric, scoring in scorings.items()}
    for count, kept, more in _run(models, rows, scorings, workers, optional):
        for metric, one in joining.items():
            one.add(count, kept[metric], more[metric])
    return {metric: one.joined() for metric, one in joining.items()}


class _Joining:
    """Collects what one metric keeps of batches."""

    def __init__(self, scoring: Scoring, baseline: str) -> None:
        self._scoring, self._baseline = scoring, baseline
        self._parts: dict[str, list[Arrays]] = {}
        self._extra: list[Arrays | None] = []

    def add(self, rows: int, kept: Mapping[str, Arrays], more: Arrays | None) -> None:
        """Reduce and add a batch; ``more`` is of the optional model."""
        reference = kept[self._baseline]
        for name, one in kept.items():
            self._parts.setdefault(name, []).append(_reduced(one, reference, self._scoring, rows))
        self._extra.append(more and _unless_refused(partial(_reduced, more, reference, self._scoring, rows)))

    def joined(self) -> dict[str, Arrays]:
        """Return the arrays of all rows by model; raise DataError where there are none."""
        if not self._parts:
            raise DataError("data: the split has no rows to evaluate on; give it some")
        joined = {name: join_batches(part) for name, part in self._parts.items()}
        accepted = [one for one in self._extra if one]
        complete = len(accepted) == len(self._extra)
        whole = _unless_refused(partial(join_batches, accepted)) if complete else None
        return joined if whole is None else joined | {OPTIONAL: whole}


def _unless_refused(work: Callable[[], Arrays]) -> Arrays | None:
    """Return a result; None where the metric refuses outputs."""
    try:
        return work()
    except IncError:
        return None


def _reduced(kept: Arrays, reference: Arrays, scoring: Scoring, rows: int) -> Arrays:
    """Return the scores of a batch, shape (rows,), or what the metric keeps of it."""
    if not scoring.decomposable:
        _check_counts(kept, rows)
        return kept
    scores = np.asarray(scoring.score(kept, reference))
    if scores.shape[:1] != (rows,):
        raise DataError(
            f"metric: gives scores of shape {scores.shape} for {rows} rows; it must give one per row: "
            f"choose an output whose first axis counts the rows{_elsewhere(kept, rows)}"
        )
    return {SCORE: scores}


def _elsewhere(kept: Arrays, rows: int) -> str:
    """Return the line that says where an output has its rows, for one that has them not in front."""
    found = [name for name, array in kept.items() if name and array.shape[:1] != (rows,)]
    name = found[0] if found else "<output>"
    return f", or say in data: {{axes: {{{name}: 1}}}} which one does, null where it is of the whole batch"


def _check_counts(kept: Arrays, rows: int) -> None:
    """Raise DataError where something is kept that has not one value per row: it cannot be resampled."""
    for name, array in kept.items():
        if array.shape[:1] != (rows,):
            raise DataError(
                f"metric: output {name!r} has shape {array.shape} for {rows} rows; its first axis must count "
                f"them{_elsewhere(kept, rows)}"
            )


def join_shards(shards: Sequence[Mapping[str, Arrays]], batch: int) -> dict[str, Arrays]:
    """Join what ``evaluate_rows`` returned on shards, each of every n-th batch, in the order of the rows."""
    names = [name for name in shards[0] if all(name in shard for shard in shards)]
    return {name: join_batches(list(_in_turn([shard[name] for shard in shards], batch))) for name in names}


def outcomes_of(
    kept: Mapping[str, Arrays],
    baseline: str,
    scoring: Scoring,
    workers: int,
    shown: Callable[[Iterable[list[float]]], Iterable[list[float]]] = iter,
    groups: np.ndarray | None = None,
) -> dict[str, Outcomes]:
    """Return outcomes by model from what ``evaluate_rows`` returned.

    A metric that does not decompose is called again on the resamples, of whole ``groups``, shape (rows,),
    where rows have such; ``shown`` wraps that loop, to show progress. Raises DataError where the metric
    groups rows by itself, or is undefined on too many resamples.
    """
    if scoring.decomposable:
        return {name: Outcomes(float(one[SCORE].mean()), one[SCORE]) for name, one in kept.items()}
    grouped = {name: scoring.group(one) for name, one in kept.items()}
    if groups is not None and any(
        len(array) != len(groups) for one in grouped.values() for array in one.values()
    ):
        raise DataError("data.group: the metric puts rows together itself, as pairs; leave the group out")
    values = {name: float(scoring.score(one, grouped[baseline])) for name, one in grouped.items()}
    replicates = resample(grouped, baseline, scoring.score, workers, shown, scoring.missing, groups)
    return {name: Outcomes(values[name], replicates[name]) for name in grouped}


def _run(
    models: Mapping[str, RunModel],
    rows: Iterable[tuple[Arrays, np.ndarray | None]],
    scorings: Mapping[str, Scoring],
    workers: int,
    optional: Mapping[str, RunModel | None],
) -> Iterator[_Kept]:
    """Yield what is kept of every model of each batch, in the order of the rows."""

    def run(inputs: Arrays, label: np.ndarray | None) -> _Kept:
        kept: dict[str, dict[str, Arrays]] = {metric: {} for metric in scorings}
        for name, model in models.items():
            outputs = model(inputs)
            for metric, scoring in scorings.items():
                kept[metric][name] = scoring.keep(outputs, label)
        more = {
            metric: _extra(optional.get(metric), scoring, inputs, label)
            for metric, scoring in scorings.items()
        }
        return len(next(iter(inputs.values()))), kept, more

    waiting: deque[Future[_Kept]] = deque()
    with ThreadPoolExecutor(workers) as pool:
        for inputs, label in rows:
            waiting.append(pool.submit(run, inputs, label))
            if len(waiting) > workers:
                yield waiting.popleft().result()
        yield from (future.result() for future in waiting)


def _extra(
    model: RunModel | None, scoring: Scoring, inputs: Arrays, label: np.ndarray | None
) -> Arrays | None:
    return None if model is None else _unless_refused(lambda: scoring.keep(model(inputs), label))


def _in_turn(shards: Sequence[Arrays], batch: int) -> Iterator[Arrays]:
    """Yield the shards' batches: the first of each, then the second of each.

    The last shards may have one less.
    """
    lengths = [len(next(iter(shard.values()))) for shard in shards]
    for start in range(0, lengths[0], batch):
        for shard, length in zip(shards, lengths, strict=True):
            if start < length:
                yield {name: array[start : start + batch] for name, array in shard.items()}


def join_batches(parts: Sequence[Arrays]) -> Arrays:
    """Join what the metric kept of batches.

    Raises DataError where a callable's outputs, which are kept as they are, differ in shape.
    """
    return {name: _joined(name, [part[name] for part in parts]) for name in parts[0]}


def _joined(name: str, arrays: list[np.ndarray]) -> np.ndarray:
    if other := [array.shape[1:] for array in arrays if array.shape[1:] != arrays[0].shape[1:]]:
        what, has, kind = (repr(name), "has", "outputs") if name else ("labels", "have", "labels")
        raise DataError(
            f"metric: {what} {has} rows of shape {arrays[0].shape[1:]} and of {other[0]}; "
            f"give {kind} one shape, or pad them"
        )
    return np.concatenate(arrays)
