"""A job's metrics: one, or several with limits of their own; the first one's limits are the gate's."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Annotated, Any

from pydantic import Field

from inc_mlflow.errors import SpecError
from inc_mlflow.spec.gate import AbsoluteLimit, GateSpec, RelativeLimit
from inc_mlflow.spec.metric import MetricSpec

_LIMITS = ("max_relative_drop", "max_absolute_drop")


class JobMetric(MetricSpec):
    """One of several metrics: with limits of its own, the gate's share, or for information only."""

    title: Annotated[
        str | None,
        Field(
            alias="as",
            pattern=r"^\w[\w. @-]{0,99}$",
            description="What tables call it, where a name would stand twice.",
        ),
    ] = None
    max_relative_drop: Annotated[
        RelativeLimit,
        Field(description="As the gate's, of this metric; that of the gate where it has no limit."),
    ] = None
    max_absolute_drop: Annotated[AbsoluteLimit, Field(description="As the gate's, of this metric.")] = None
    informative: Annotated[bool, Field(description="It is shown, and decides nothing.")] = False

    @property
    def called(self) -> str:
        """What records and tables call it."""
        return self.title or super().called


def gates_of(metrics: Iterable[MetricSpec], gate: GateSpec) -> list[GateSpec | None]:
    """Return the gate with the limits of each metric, the first one's being the gate's own.

    None for a metric that decides nothing. Raises SpecError as ``GateSpec.of_further``.
    """
    return [gate if number == 0 else _gate_of(metric, gate) for number, metric in enumerate(metrics)]


def _gate_of(metric: MetricSpec, gate: GateSpec) -> GateSpec | None:
    if not isinstance(metric, JobMetric) or metric.informative:
        return None
    return gate.of_further(metric.called, metric.max_relative_drop, metric.max_absolute_drop)


def first_limit_in_gate(data: Mapping[str, Any]) -> dict[str, Any]:
    """Return a job's data with the limits of the first of several metrics in its gate.

    Raises ValueError where the gate has limits too.
    """
    metrics, gate = data.get("metrics"), data.get("gate") or {}
    if not isinstance(metrics, Sequence) or not metrics or not isinstance(metrics[0], Mapping):
        return dict(data)
    own = {name: metrics[0][name] for name in _LIMITS if metrics[0].get(name) is not None}
    given = gate.model_dump() if isinstance(gate, GateSpec) else gate
    if not own or not isinstance(given, Mapping):
        return dict(data)
    if any(given.get(name) is not None for name in _LIMITS):
        raise ValueError(
            f"metrics[0].{next(iter(own))}: the gate has the limit of the first metric; give one of the two"
        )
    first = {name: value for name, value in metrics[0].items() if name not in _LIMITS}
    return {**data, "metrics": [first, *metrics[1:]], "gate": {**given, **own}}


def check_metrics(metric: MetricSpec | None, metrics: Sequence[JobMetric] | None, gate: GateSpec) -> None:
    """Raise ValueError where not one of both is given, or it is not clear what the gate asks for."""
    if (metric is None) == (metrics is None):
        raise ValueError("give either 'metric', or several as 'metrics'")
    if metrics is not None:
        _check_several(metrics, gate)


def _check_several(metrics: Sequence[JobMetric], gate: GateSpec) -> None:
    names = [metric.called for metric in metrics]
    if twice := [name for name in names if names.count(name) > 1]:
        raise ValueError(f"metrics: {twice[0]!r} stands twice; give one another name, as {{as: AP50}}")
    if metrics[0].informative:
        raise ValueError("metrics[0].informative: the first metric is judged and orders the rows")
    for number, metric in enumerate(metrics):
        limits = metric.max_relative_drop, metric.max_absolute_drop
        if metric.informative and limits != (None, None):
            raise ValueError(f"metrics[{number}]: has a limit and is informative; choose one")
    try:
        gates_of(metrics, gate)
    except SpecError as error:
        raise ValueError(str(error)) from error
