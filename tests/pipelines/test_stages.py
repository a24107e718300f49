"""The stages of a job's chains in its graph: one task each, in their order, and what quantize gets of them."""

import pytest
from google.protobuf.json_format import MessageToDict

from inc_mlflow.errors import SpecError
from inc_mlflow.pipelines.compiling import PIPELINES, build_inline
from inc_mlflow.spec import JobSpec

PRUNE = {"method": "prune", "pattern": "4x1", "sparsity": 0.8}
CHANNELS = {"method": "prune", "pattern": "channel", "sparsity": 0.5}
STATIC, DYNAMIC = {"method": "static"}, {"method": "dynamic"}
SPLITS = ("training", "calibration", "tuning", "validation")


def tasks(pipeline, *recipes):
    """Task -> input -> the task that made it, or the value."""
    job = {"version": 1, "name": "chain", "model": {"torch": "model.py:build"}, "metric": "top1"}
    data = {split: {"path": f"{split}.npz"} for split in SPLITS}
    spec = JobSpec._from_mapping({**job, "data": data, "recipes": list(recipes)})
    graph = MessageToDict(build_inline(pipeline, spec, 2).pipeline_spec)["root"]["dag"]["tasks"]
    found = {}
    for name, task in graph.items():
        inputs = task.get("inputs", {})
        made = {
            key: one["taskOutputArtifact"]["producerTask"] for key, one in inputs.get("artifacts", {}).items()
        }
        values = {
            key: one["runtimeValue"]["constant"]
            for key, one in inputs.get("parameters", {}).items()
            if "runtimeValue" in one
        }
        found[name] = {**made, **values}
    return found


@pytest.mark.parametrize("pipeline", sorted(PIPELINES))
def test_each_stage_is_a_task_behind_the_one_that_it_goes_on_from(pipeline):
    found = tasks(pipeline, STATIC, [PRUNE, STATIC], [PRUNE, CHANNELS, DYNAMIC], CHANNELS)
    stages = {name: one for name, one in found.items() if name.startswith("train")}
    assert {name: (one["previous"], one["stage"]) for name, one in stages.items()} == {
        "train": ("import-model", "1"),
        "train-2": ("train", "2"),
        "train-3": ("import-model", "3"),
    }
    assert all(one["baseline"] == "import-model" for one in stages.values())
    quantize = found["quantize"]
    assert {key: one for key, one in quantize.items() if key.startswith("stage")} == {
        "stage_1": "train",
        "stage_2": "train-2",
        "stage_3": "train-3",
    }


def test_without_chains_there_is_no_such_task():
    found = tasks("int8", STATIC)
    assert not any(name.startswith("train") for name in found)
    assert not any(key.startswith("stage") for key in found["quantize"])


def test_more_stages_than_a_task_takes_are_refused():
    many = [{**PRUNE, "sparsity": place / 10} for place in range(1, 10)]
    with pytest.raises(
        SpecError, match="recipes: quantize takes 8 stages at most, not 9; name fewer recipes"
    ):
        tasks("int8", *many)
