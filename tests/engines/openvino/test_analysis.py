"""Why a candidate of OpenVINO is slow, by its own counters."""

import numpy as np
import pytest

from inc_mlflow.engines.engine import MethodData
from inc_mlflow.engines.openvino.engine import ENGINE
from inc_mlflow.engines.openvino.explain import explain
from inc_mlflow.engines.openvino.methods.static import METHOD
from inc_mlflow.engines.openvino.options import OpenVinoStatic
from inc_mlflow.engines.openvino.profile import CountedNode, profile
from inc_mlflow.errors import ModelError
from tests.support.paths import EXAMPLE


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    """The baseline, and a candidate with convolutions alone in INT8; and rows."""
    folder = tmp_path_factory.mktemp("models")
    rows = [{"image": one[None]} for one in np.load(EXAMPLE / "calib.npz")["image"][:8]]
    ENGINE.import_source(EXAMPLE / "fp32.onnx", folder)
    baseline, target = folder / ENGINE.model_name, folder / "made" / ENGINE.model_name
    target.parent.mkdir()
    statistics = ENGINE.calibrator.collect(baseline, rows, {"minmax"}, 1)
    recipe = OpenVinoStatic(op_types_to_quantize=("Conv",))
    METHOD.apply(baseline, recipe, MethodData(lambda: rows, statistics, 1), target)
    return baseline, target, rows[:2]


def test_a_profile_tells_int8_kernels_from_float_ones(models):
    baseline, candidate, rows = models
    found = profile({"baseline": baseline, "candidate": candidate}, rows, 4)
    convolutions = {
        label: [one.int8 for one in nodes.values() if one.kind == "Convolution"]
        for label, nodes in found.items()
    }
    assert convolutions["baseline"] and not any(convolutions["baseline"])
    assert any(convolutions["candidate"])
    assert all(one.seconds >= 0 for nodes in found.values() for one in nodes.values())


def test_a_job_gets_a_reason(models):
    baseline, candidate, rows = models
    slow = ENGINE.analysis.explain(baseline, {"static": candidate}, rows, 4)["static"]
    assert slow.summary.startswith(("of its time, ", "no node stands out"))
    assert sum(cause.share for cause in slow.causes) <= 1.001


def test_each_cause_is_told_with_its_share():
    def nodes(*times):
        return {time[0]: CountedNode(*time) for time in times}

    before = nodes(
        ("a", "Convolution", False, 4.0), ("b", "Convolution", False, 1.0), ("p", "Pooling", False, 1.0)
    )
    after = nodes(
        ("a", "Convolution", True, 1.0),
        ("b", "Convolution", True, 2.0),
        ("c", "FullyConnected", False, 3.0),
        ("x_QuantizeLinear", "Subgraph", True, 2.0),
        ("p", "Pooling", True, 1.0),
        ("new", "Transpose", True, 1.0),
    )
    slow = explain(before, after)
    assert (slow.seconds, slow.baseline_seconds) == (10.0, 6.0)
    assert [(cause.what, cause.share) for cause in slow.causes] == [
        ("1 FullyConnected in floating point", 0.3),
        ("1 Convolution with an INT8 kernel slower than the float one", 0.2),
        ("1 Subgraph only converting", 0.2),
        ("1 Transpose fused into other nodes in the baseline", 0.1),
    ]
    assert slow.causes[1].fp32_share == 0.1
    assert slow.summary.startswith("of its time, 30 % goes to 1 FullyConnected in floating point; 20 %")


def test_what_it_cannot_say_is_said(models):
    baseline, candidate, rows = models
    assert ENGINE.analysis.first_departure(baseline, candidate, rows) is None
    assert ENGINE.analysis.selected_outputs(baseline) == frozenset()
    with pytest.raises(ModelError, match="saturation is predicted on ONNX files"):
        ENGINE.analysis.saturation(candidate, rows, 1, None)
