"""Predict which layers saturate on x86 CPUs without VNNI, from their weights and from real rows."""

from collections.abc import Iterable, Iterator
from pathlib import Path

from inc_mlflow.arrays import Arrays
from inc_mlflow.engines.onnxruntime.analysis.saturation_counter import SaturationCounter
from inc_mlflow.engines.onnxruntime.graph.quantized_layers import QuantizedGraph, layers
from inc_mlflow.engines.onnxruntime.runtime.intermediate_values import intermediate_values
from inc_mlflow.engines.onnxruntime.runtime.session import BASIC
from inc_mlflow.records import SaturationReport

_REMEDY = "static recipes avoid it with reduce_range: saturating, dynamic ones with reduce_range: true"
POSITIONS = 4096
"""Largest number of output positions counted per layer and row: most layers have fewer."""
ROWS = 16
"""Rows that a prediction runs: eight miss layers that saturate rarely, more than sixteen found no others."""


def predict(
    model: Path, batches: Iterable[Arrays], threads: int = 1, positions: int = POSITIONS
) -> SaturationReport:
    """Predict on ``batches`` the saturation of every layer of ``model`` with 8-bit weights.

    This works on any CPU, and memory does not grow with the number of rows. The report of an FP32 model has
    no layers. Raises ModelError where the model cannot be read or run.
    """
    graph = QuantizedGraph(model)
    counters = [SaturationCounter(layer) for layer in layers(graph)]
    active = [counter for counter in counters if counter.needed()]
    names = sorted(set().union(*(counter.needed() for counter in active)))
    rows = 0
    # At the basic level QDQ pairs run in floating point. So the layers get the same values on a host that
    # saturates as on others.
    for number, (count, values) in enumerate(
        intermediate_values(graph.model, model.parent, batches, names, threads, BASIC)
    ):
        rows += count
        for counter in active:
            counter.add(values, positions, seed=number)
    reports = tuple(counter.result() for counter in counters)
    at_risk = sum(bool(layer.expected_rate) for layer in reports)
    return SaturationReport(rows=rows, at_risk=at_risk, layers=reports, remedy=_REMEDY)


def saturating_weights(report: SaturationReport) -> frozenset[str]:
    """Return the names of the FP32 weights whose layers saturate on the report's rows."""
    return frozenset(layer.weights for layer in report.layers if layer.expected_rate)


def first_rows(batches: Iterable[Arrays], count: int) -> Iterator[Arrays]:
    """Yield batches until they hold ``count`` rows; the last one is cut."""
    left = count
    for inputs in batches:
        yield {name: array[:left] for name, array in inputs.items()}
        left -= len(next(iter(inputs.values())))
        if left <= 0:
            return
