"""What a search tries: static recipes of the default engine, as recipes of this one."""

import pytest

from inc_mlflow.engines.openvino.engine import ENGINE
from inc_mlflow.spec import JobSpec
from tests.support.paths import EXAMPLE


@pytest.fixture(scope="module")
def space(tmp_path_factory):
    folder = tmp_path_factory.mktemp("baseline")
    ENGINE.import_source(EXAMPLE / "fp32.onnx", folder)
    return ENGINE.space(folder / ENGINE.model_name)


def test_all_recipes_are_static_ones_of_openvino(space):
    first = list(space.first())
    refined = [one for phase in space.refinements() for one in phase(first[0])]
    assert len(first) > 1
    assert len(refined) > 3
    assert {(one.engine, one.method) for one in (*first, *refined)} == {("openvino", "static")}
    assert len({one.label() for one in (*first, *refined)}) == len(first) + len(refined)


def test_nodes_stay_fp32_and_saturation_is_protected(space):
    recipe = next(space.first())
    assert space.without(recipe, ["node"]).kept_fp32[0] == "node"
    assert space.protected(recipe, everywhere=False).reduce_range == "saturating"
    assert space.protected(space.protected(recipe, everywhere=False), everywhere=False) is None


def test_bf16_stands_apart_and_has_no_other_forms(space):
    (bf16,) = space.other_precisions()
    assert (bf16.engine, bf16.method, bf16.precision) == ("openvino", "bf16", "bf16")
    assert space.without(bf16, ["node"]) == bf16
    assert space.protected(bf16, everywhere=True) is None
    assert [one for phase in space.refinements() for one in phase(bf16)] == []


def test_auto_is_all_engines_that_take_the_file():
    text = (EXAMPLE / "job.yaml").read_text()
    assert JobSpec.from_text(f"{text}\nengines: auto\n").engines == ("onnxruntime", "openvino")
