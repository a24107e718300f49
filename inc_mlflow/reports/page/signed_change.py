"""A loss as published tables show it: a change of the value, below zero where the value fell."""

from inc_mlflow.formatting import percent
from inc_mlflow.records import Interval, MetricFacts


def signed_change(loss: Interval | None, metric: MetricFacts) -> Interval | None:
    """Return the loss by a metric as a change; the bounds change places where the sign does."""
    if loss is None or not metric.higher_is_better:
        return loss
    return Interval(value=0 - loss.value, low=0 - loss.high, high=0 - loss.low)


def signed(share: float) -> str:
    """0.0123 -> "+1.23 %"."""
    text = percent(share)
    return text if text.startswith(("-", "0 ")) else f"+{text}"
