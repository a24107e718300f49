"""Any valid graph gives a right baseline, and right candidates or one line for each recipe.

The rule for a candidate: its relative root mean square error is at most 0.15 in every output, or at most four times
that of rounding every tensor of the graph by itself, which is what eight bits explain.

A fault is shown, and made smaller, by ``python -m tests.support.generated N``.
"""

from collections import Counter
from functools import cache

import numpy as np
import onnx
import pytest

from tests.support import graph_walk
from tests.support.generated.draw import NEWEST, OLDEST, Drawn, draw
from tests.support.generated.walked import walked
from tests.support.refusal_counts import counted

CHUNK, IN_CI, LONG = 20, 300, 3000
CHUNKS = [
    *range(0, IN_CI, CHUNK),
    *(pytest.param(first, marks=pytest.mark.long) for first in range(IN_CI, LONG, CHUNK)),
]
LEAST_KINDS = 40


@cache
def drawn(number: int) -> Drawn:
    return draw(number)


@pytest.mark.slow
@pytest.mark.parametrize("first", CHUNKS)
def test_a_generated_graph_is_right_or_refused_in_one_line(first, record_property):
    counts, redrawn, faults = Counter[str](), Counter[str](), list[str]()
    for number in range(first, first + CHUNK):
        graph = drawn(number)
        report = walked(graph.model, graph.rows)
        counts.update(f"{step}: {outcome.verdict}" for step, outcome in report.outcomes.items())
        counts.update(f"{step} refused: {kind}" for step, kind in report.refused.items())
        counts.update("above 0.15, as rounding alone" for _ in report.lossy)
        redrawn.update(reason.split(":")[0] for reason in graph.redrawn.elements())
        faults += [f"graph {number}: {fault}" for fault in report.faults]
        faults += [
            f"graph {number}: not imported: {text}"
            for step, text in report.refused.items()
            if step == "import"
        ]
    counted(record_property, "generated", counts)
    counted(record_property, "thrown away by the generator", redrawn)
    assert not faults, "\n".join(faults)


def test_the_generator_covers_operators_opsets_and_formats():
    graphs = [drawn(number) for number in range(IN_CI)]
    kinds = set().union(*(graph.kinds for graph in graphs))
    assert len(kinds) >= LEAST_KINDS
    assert {"Conv", "ConvTranspose", "Gemm", "LSTM", "GRU", "If", "Loop", "Scan", "Clip", "Resize"} <= kinds
    opsets = {one.version for graph in graphs for one in graph.model.opset_import if not one.domain}
    assert {OLDEST, NEWEST} <= opsets
    versions = {graph.model.ir_version for graph in graphs}
    assert {3, onnx.IR_VERSION - 1} <= versions
    assert any(len(graph.model.graph.output) > 1 for graph in graphs)


def test_a_graph_is_the_same_each_time():
    one, other = draw(7), draw(7)
    assert one.model.SerializeToString() == other.model.SerializeToString()
    assert all(np.array_equal(one.rows[name], other.rows[name]) for name in one.rows)


def _right() -> Drawn:
    return next(graph for graph in map(drawn, range(IN_CI)) if _is_plain(graph))


def _is_plain(graph: Drawn) -> bool:
    report = walked(graph.model, graph.rows)
    return not report.faults and not report.refused


def test_a_traceback_is_a_fault(monkeypatch):
    graph = _right()

    def broken(*arguments):
        raise KeyError("x_scale")

    monkeypatch.setattr(graph_walk, "make_candidate", broken)
    (fault,) = walked(graph.model, graph.rows).faults
    assert fault.startswith("traceback: KeyError: 'x_scale'")


def test_a_candidate_that_rounding_does_not_explain_is_a_fault(monkeypatch):
    graph = _right()

    def halved(recipe, data, target, reference):
        model = onnx.load(reference.baseline)
        (name,) = [one.name for one in model.graph.output][:1]
        for node in model.graph.node:
            node.output[:] = [f"{one}/whole" if one == name else one for one in node.output]
        two = onnx.helper.make_node("Constant", [], ["two"], value_float=2.0)
        model.graph.node.extend([two, onnx.helper.make_node("Div", [f"{name}/whole", "two"], [name])])
        onnx.save(model, target)

    monkeypatch.setattr(graph_walk, "make_candidate", halved)
    assert any("is wrong" in fault for fault in walked(graph.model, graph.rows).faults)
