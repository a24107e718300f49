"""check: find what is wrong with a job before any work is spent on it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from inc_mlflow import progress
from inc_mlflow.engines.emulating import check_emulation
from inc_mlflow.engines.int8_source import check_fp32
from inc_mlflow.errors import DataError, ModelError, SpecError
from inc_mlflow.hardware import pools
from inc_mlflow.hardware.planner import plan_layout
from inc_mlflow.hardware.topology import topology
from inc_mlflow.measure.gate.power import split_power, split_power_at_best
from inc_mlflow.measure.stats.score_range import declares_worst
from inc_mlflow.metrics.metric import Metric
from inc_mlflow.metrics.resolve import resolve_metrics
from inc_mlflow.records import DataFacts
from inc_mlflow.registry.engines import ENGINES
from inc_mlflow.registry.methods import METHODS, method_name
from inc_mlflow.search.front import SHORTLIST
from inc_mlflow.spec import GateSpec, Job, gates_of
from inc_mlflow.steps.data import LabelCheck, open_data
from inc_mlflow.steps.prepare.common_label import CommonLabel


@dataclass(frozen=True)
class CheckResult:
    """Facts about the data, and notes for people before the work begins."""

    facts: DataFacts
    notes: tuple[str, ...]


def check(job: Job) -> CheckResult:
    """Read the model's structure and every row once.

    Raises the IncError that the job's inputs would cause later: of pools, layout, model, recipes, metric or
    data.
    """
    pools.check_machine(job.spec.pools, job.spec.placement, partial(check_emulation, job.spec.engines))
    where = plan_layout(job.layout, topology())
    if not job.model.exists():
        raise ModelError(f"model: no file {job.model}; give a path relative to the job file")
    for recipe in job.spec.listed:
        METHODS.get(method_name(recipe.engine, recipe.method)).check(recipe)
    engine = ENGINES.get(job.spec.engines[0])
    check_fp32(engine, job.model)
    if engine.parts is not None:
        engine.parts.check(job.model)
    interface = engine.interface(job.model)
    _check_readable(job, interface.other_outputs)
    metrics = resolve_metrics(job.spec, job.root, list(interface.output_names))
    labels, common = LabelCheck(job, metrics), CommonLabel(job)

    def see(split: str, given: np.ndarray | None) -> None:
        labels(split, given)
        common(split, given)

    data = open_data(job)
    groups = data.groups("validation")
    facts = data.survey(progress.track, see)
    labels.finish()
    _check_classes(job, metrics[0], facts)
    ranges = [note for metric in metrics for note in _range(metric)]
    notes = (*facts.notes, where.text(), *ranges, *common.notes(job.spec.gate))
    return CheckResult(facts, (*notes, *_plans(job, metrics, facts, groups)))


def _check_readable(job: Job, others: Sequence[str]) -> None:
    """Raise DataError where the metric reads an output that is no tensor."""
    read = {
        name: field
        for field, metric in job.spec.all_metrics.items()
        for name in (metric.output, *dict(metric.outputs).values())
    }
    if unreadable := [name for name in read if name in others]:
        raise DataError(
            f"{read[unreadable[0]]}: the model's output {unreadable[0]!r} is a sequence, map or optional; "
            "choose one that is a tensor, or export the model without that conversion"
        )


def _range(metric: Metric) -> list[str]:
    """Return a note about the bounds of a callable that does not declare its range."""
    if declares_worst(metric.score_range, metric.higher_is_better):
        return []
    return [
        f"metric: {metric.name} declares no range, so a row is taken to lose no more than the baseline's "
        "largest score; declare it, as metric: {callable: …, range: [0, 1]}"
    ]


def _check_classes(job: Job, metric: Metric, facts: DataFacts) -> None:
    """Raise SpecError where the gate limits the drop of a class and rows have no classes."""
    labels = facts.splits["validation"].labels
    is_class = labels is not None and labels.shape == () and labels.dtype.startswith(("bool", "int", "uint"))
    if job.spec.gate.max_class_drop is not None and not (metric.decomposable and is_class):
        raise SpecError(
            f"gate.max_class_drop: {metric.name} has no class per row; use top1 or top5, or leave it out"
        )


def _plans(job: Job, metrics: Sequence[Metric], facts: DataFacts, groups: np.ndarray | None) -> Iterator[str]:
    """Say what the split can decide, by each metric that is judged."""
    for metric, gate in zip(metrics, gates_of(job.spec.all_metrics.values(), job.spec.gate), strict=True):
        if gate is not None:
            plan = _plan(job, metric, gate, facts, groups)
            yield f"by {metric.name}: {plan}" if len(metrics) > 1 else plan


def _plan(job: Job, metric: Metric, gate: GateSpec, facts: DataFacts, groups: np.ndarray | None) -> str:
    rows, candidates = facts.splits["validation"].rows, len(job.spec.listed) or SHORTLIST
    if groups is not None:
        return plan_groups(job, gate, groups, candidates, whole=not metric.decomposable)
    if metric.binary:
        return split_power(rows, gate, candidates)
    return split_power_at_best(rows, gate, candidates, whole=not metric.decomposable)


def plan_groups(job: Job, gate: GateSpec, groups: np.ndarray, candidates: int, whole: bool = False) -> str:
    """Return in words what a split of groups can show at best.

    The number of groups counts, not that of rows, and scores that are right or wrong count as any others.
    """
    unit = f"groups of {job.spec.data.group}"
    return split_power_at_best(independent(groups), gate, candidates, whole, unit)


def independent(groups: np.ndarray) -> int:
    """Return how many groups there are; ``groups`` is the number of each row's, from 0."""
    return int(groups.max()) + 1
