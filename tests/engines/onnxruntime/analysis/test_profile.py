"""Times per executed node: the profiler's file, and what is left when its own cost is taken off."""

import json
from contextlib import ExitStack

import numpy as np
import onnx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from onnx import TensorProto, helper

from inc_mlflow.engines.onnxruntime.analysis import profile as profile_module
from inc_mlflow.engines.onnxruntime.analysis.profile import profile
from inc_mlflow.engines.onnxruntime.analysis.profiler import Event, ProfiledSession, parse
from inc_mlflow.errors import ModelError

_EVENTS = st.builds(Event, st.text(min_size=1), st.text(), st.text(), st.integers(0, 10**9))


def _lines(runs):
    """Write a profile as ONNX Runtime does: one event per line, the calls of a run before the run itself."""
    events = [{"cat": "Session", "name": "session_initialization", "dur": 4175, "args": {}}]
    for run in runs:
        for one in run:
            args = {"op_name": one.op_type, "provider": one.provider}
            events.append(
                {"cat": "Node", "name": f"{one.name}_kernel_time", "dur": one.microseconds, "args": args}
            )
        events.append({"cat": "Session", "name": "model_run", "dur": 1, "args": {}})
    return [
        "[",
        *(f"{json.dumps(event)}{',' if event is not events[-1] else ''}\n" for event in events),
        "]\n",
    ]


@given(st.lists(st.lists(_EVENTS, max_size=4), max_size=4))
def test_a_profile_is_read_as_the_calls_of_each_run(runs):
    assert parse(_lines(runs), "model.onnx") == runs


@given(st.lists(st.lists(_EVENTS, min_size=1, max_size=3), min_size=1, max_size=3), st.data())
def test_a_damaged_profile_is_refused_or_holds_fewer_runs(runs, data):
    lines = _lines(runs)
    number = data.draw(st.integers(1, len(lines) - 2))
    cut = lines[number][: data.draw(st.integers(1, len(lines[number]) - 3))]
    with pytest.raises(
        ModelError, match=r"model\.onnx: onnxruntime's profile cannot be read: .*; profile again"
    ):
        parse([*lines[:number], cut], "model.onnx")
    assert len(parse(lines[:number], "model.onnx")) < len(runs)


@pytest.mark.parametrize(
    "text", ["3", "[1, 2]", "null", '{"cat": "Node"}', '{"name": "x"}', '{"cat": "Node", "name": 3}']
)
def test_what_is_no_profile_is_refused(text):
    with pytest.raises(ModelError, match="cannot be read"):
        parse([text], "model.onnx")


def test_an_empty_profile_has_no_runs():
    assert parse([], "model.onnx") == []


def test_a_profile_that_lacks_runs_is_refused(baseline, rows):
    with ProfiledSession(baseline) as session:
        session.run(rows[:2])
        session._runs += 1  # what the profiler does that has no room for more events
        with pytest.raises(ModelError, match="holds 2 of 3 runs; profile fewer batches or passes"):
            session.finish()


def test_every_node_of_the_optimised_graph_is_timed(baseline, rows):
    found = profile({"baseline": baseline}, rows[:4], passes=8)["baseline"]
    assert list(found.nodes) == [node.name for node in found.graph.node]
    assert {node.name: node.op_type for node in found.graph.node} == {
        one.name: one.op_type for one in found.nodes.values()
    }
    assert {one.provider for one in found.nodes.values()} == {"CPUExecutionProvider"}
    assert sum(one.seconds for one in found.nodes.values() if one.op_type == "Conv") > 0.5 * found.seconds


def test_the_cost_of_the_profiler_is_measured_and_taken_off():
    with ExitStack() as stack:
        gauge = profile_module._Gauge(stack)
        for _ in range(40):
            gauge.run()
        cost = gauge.cost()
    node = helper.make_node("Add", ["a", "b"], ["c"], "n")
    assert 0 < cost.of(node) < 1e-3
    calls = [Event("n", "Add", "CPUExecutionProvider", 20)] * 6
    plain, less = (profile_module._node_time(calls, 1, taken).seconds for taken in (0.0, 5e-6))
    assert (plain, less) == (pytest.approx(20.5e-6), pytest.approx(15.5e-6))


def test_nodes_of_a_branch_are_counted_within_their_if(tmp_path):
    path = tmp_path / "model.onnx"
    onnx.save(_with_branches(), path)
    found = profile({"model": path}, [{"x": np.ones((64, 64), np.float32)}], passes=2)["model"].nodes
    assert [one.op_type for one in found.values()] == ["ReduceSum", "Cast", "If"]


def _with_branches() -> onnx.ModelProto:
    inside = helper.make_tensor_value_info("z", TensorProto.FLOAT, [64, 64])
    branches = {
        f"{name}_branch": helper.make_graph(
            [helper.make_node(op_type, ["x"], ["z"], name)], name, [], [inside]
        )
        for name, op_type in (("then", "Exp"), ("else", "Sin"))
    }
    nodes = [
        helper.make_node("ReduceSum", ["x"], ["sum"], "sum", keepdims=0),
        helper.make_node("Cast", ["sum"], ["yes"], "cast", to=TensorProto.BOOL),
        helper.make_node("If", ["yes"], ["y"], "if", **branches),
    ]
    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [64, 64]) for name in ("x", "y")]
    graph = helper.make_graph(nodes, "graph", ends[:1], ends[1:])
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def test_nothing_is_left_behind_by_good_and_bad_models(baseline, rows, tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    profile({"baseline": baseline}, rows[:1], passes=1)
    with pytest.raises(ModelError, match="cannot load it"):
        profile({"baseline": baseline, "candidate": tmp_path / "absent.onnx"}, rows[:1], passes=1)
    with pytest.raises(ModelError, match="cannot run it"):
        profile({"baseline": baseline}, [{"image": np.zeros((1, 2, 3, 4), np.float32)}], passes=1)
    assert list(tmp_path.iterdir()) == []
