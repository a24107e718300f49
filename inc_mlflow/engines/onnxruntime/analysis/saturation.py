"""Which layers lose accuracy on x86 CPUs without VNNI: what weights make possible, and what happens on real rows."""

from collections.abc import Iterable, Iterator
from pathlib import Path

from inc_mlflow.arrays import Arrays
from inc_mlflow.engines.onnxruntime.analysis.saturation_counter import Tally
from inc_mlflow.engines.onnxruntime.graph.quantized_layers import Graph, layers
from inc_mlflow.engines.onnxruntime.runtime.intermediate_values import fetch
from inc_mlflow.engines.onnxruntime.runtime.session import BASIC
from inc_mlflow.records import SaturationReport

_REMEDY = "static recipes avoid it with reduce_range: saturating, dynamic ones with reduce_range: true"
POSITIONS = 4096
"""Output positions looked at per layer and row: all of most layers."""
ROWS = 16
"""Rows that show where a model saturates; eight miss layers that saturate rarely, more than sixteen added
none that matter."""


def predict(
    model: Path, batches: Iterable[Arrays], threads: int = 1, positions: int = POSITIONS
) -> SaturationReport:
    """Predict the saturation of every layer of ``model`` with 8-bit weights on ``batches``.

    It needs no such CPU.

    Memory does not grow with the number of rows. A floating-point model has no such layers.
    """
    graph = Graph(model)
    tallies = [Tally(layer) for layer in layers(graph)]
    watched = [tally for tally in tallies if tally.fetched()]
    names = sorted(set().union(*(tally.fetched() for tally in watched)))
    rows = 0
    # At the basic level QDQ pairs run in floating point, so a host that saturates itself feeds each layer
    # what others do.
    for number, (count, values) in enumerate(
        fetch(graph.model, model.parent, batches, names, threads, BASIC)
    ):
        rows += count
        for tally in watched:
            tally.add(values, positions, seed=number)
    found = tuple(tally.result() for tally in tallies)
    at_risk = sum(bool(one.expected_rate) for one in found)
    return SaturationReport(rows=rows, at_risk=at_risk, layers=found, remedy=_REMEDY)


def saturating_weights(report: SaturationReport) -> frozenset[str]:
    """Name the FP32 weights of the layers that saturate on the report's rows."""
    return frozenset(one.weights for one in report.layers if one.expected_rate)


def first_rows(batches: Iterable[Arrays], count: int) -> Iterator[Arrays]:
    """Yield batches until they hold ``count`` rows; the last one is cut."""
    left = count
    for inputs in batches:
        yield {name: array[:left] for name, array in inputs.items()}
        left -= len(next(iter(inputs.values())))
        if left <= 0:
            return
