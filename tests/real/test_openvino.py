"""A real transformer on OpenVINO: INT8 from our own quantiser, against onnxruntime's FP32."""

import pytest

from tests.benchmarks.engines import COMMON, MODELS
from tests.real.jobs import run

pytestmark = [pytest.mark.real, pytest.mark.long]
RECIPE = "- {method: static, engine: openvino, op_types_to_quantize: [MatMul]}\n"


def test_int8_of_a_transformer_is_much_faster_than_the_fp32_of_onnxruntime(models, tmp_path):
    head = COMMON.format(name="sst2-minilm").partition("recipes:")[0]
    result = run(tmp_path, f"{head}recipes:\n{RECIPE}{MODELS['sst2-minilm'].format(models=models)}", 0, 3, 4)
    rows = {row["engine"]: row for row in result["table"] if row["recipe"].startswith("baseline")}
    (int8,) = (row for row in result["table"] if not row["recipe"].startswith("baseline"))
    assert int8["speedup"]["value"] / rows["onnxruntime"]["speedup"]["value"] > 2.2
    assert int8["accuracy"]["value"] > 0.87
