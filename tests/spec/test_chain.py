"""A recipe that is a list: what may stand in it, and which stages a job has."""

import pytest

from inc_mlflow.errors import SpecError
from inc_mlflow.spec import JobSpec
from inc_mlflow.spec.paths import paths
from inc_mlflow.spec.stages import stage_number, stages_of

PRUNE = {"method": "prune", "pattern": "4x1", "sparsity": 0.8}
SPLITS = ("training", "calibration", "tuning", "validation")
STATIC, DYNAMIC = {"method": "static"}, {"method": "dynamic"}


def job(*recipes, **changed):
    return {
        "version": 1,
        "name": "chain",
        "model": {"torch": "model.py:build"},
        "data": {split: {"path": f"{split}.npz"} for split in SPLITS},
        "metric": "top1",
        "recipes": list(recipes),
        **changed,
    }


def refusal(*recipes, **changed):
    with pytest.raises(SpecError) as caught:
        JobSpec._from_mapping(job(*recipes, **changed))
    return str(caught.value)


def test_a_list_is_a_chain_and_its_text_gives_the_same_job():
    spec = JobSpec._from_mapping(job([PRUNE, STATIC], PRUNE, DYNAMIC))
    assert [recipe.method for recipe in spec.listed] == ["chain", "chain", "dynamic"]
    assert spec.listed[0].label() == "prune snip_momentum 4x1 80 %, static u8s8 per-channel"
    assert [recipe.final and recipe.final.method for recipe in spec.listed] == ["static", None, "dynamic"]
    assert spec.listed[0].statistics == spec.listed[0].final.statistics != frozenset()
    assert JobSpec.from_json(spec.to_text()) == spec


def test_chains_share_the_stages_that_they_begin_with():
    other = {**PRUNE, "sparsity": 0.5}
    spec = JobSpec._from_mapping(
        job([PRUNE, STATIC], [PRUNE, DYNAMIC], [PRUNE, other, STATIC], other, STATIC)
    )
    stages = stages_of(spec.listed)
    assert [(stage.number, stage.previous, stage.ends) for stage in stages] == [
        (1, 0, True),
        (2, 1, True),
        (3, 0, True),
    ]
    assert [stage_number(recipe, spec.listed) for recipe in spec.listed] == [1, 1, 2, 3, 0]


def test_a_stage_on_the_way_has_no_recipes_of_its_own():
    spec = JobSpec._from_mapping(job([PRUNE, {**PRUNE, "sparsity": 0.9}, STATIC]))
    assert [stage.ends for stage in stages_of(spec.listed)] == [False, True]


@pytest.mark.parametrize(
    ("recipes", "said"),
    [
        ([[STATIC, PRUNE]], "recipes[0]: static stands at place 1 of 2"),
        ([[PRUNE, STATIC, DYNAMIC]], "recipes[0]: static stands at place 2 of 3"),
        ([[]], "recipes[0].recipes: "),
        ([[PRUNE, [STATIC]]], "recipes[0].recipes[1]: expected a mapping with 'method'"),
        ([{"method": "prune"}], "recipes[0].recipes[0].sparsity: required field is missing"),
        ([{**PRUNE, "pattern": "2:4"}], "sparsity: 2:4 has 0.5; leave it out"),
        ([{**PRUNE, "pattern": "head"}], "attention: says where heads are"),
        ([{**PRUNE, "multiple": 8}], "multiple: is about channels; leave it out with 4x1"),
        ([{**PRUNE, "begin": 0.6}], "end: 0.5 is not behind begin, 0.6"),
        ([{**PRUNE, "pattern": "channel", "score": "group_lasso"}], "score: group_lasso acts while"),
    ],
)
def test_what_is_no_chain_is_one_line(recipes, said):
    assert said in refusal(*recipes)


def test_a_student_begins_anew_and_a_given_model_goes_on():
    student, given = {"method": "distill", "student": "s.py:build"}, {"method": "distill"}
    spec = JobSpec._from_mapping(job([student, PRUNE, STATIC], [PRUNE, given, STATIC]))
    assert [stage.previous for stage in stages_of(spec.listed)] == [0, 1, 0, 3]
    assert spec.listed[0].stages[0].label() == "distill s.py:build"
    assert "distill s.py:build stands at place 2 of 2; it builds a module of its own" in refusal(
        [PRUNE, student]
    )


def test_models_that_recipes_read_are_files_of_the_job():
    teacher = {"torch": "t.py:build", "weights": "t.safetensors"}
    layers = {"body.0": "layers.1"}
    spec = JobSpec._from_mapping(
        job({"method": "distill", "student": "s.py:build", "teacher": teacher, "layers": layers})
    )
    assert JobSpec.from_json(spec.to_text()) == spec
    assert paths(spec) == {
        "model.torch": "model.py",
        "recipes[0].recipes[0].student.torch": "s.py",
        "recipes[0].recipes[0].teacher.torch": "t.py",
        "recipes[0].recipes[0].teacher.weights": "t.safetensors",
        **{f"data.{split}.path": f"{split}.npz" for split in SPLITS},
    }


def test_a_teacher_is_not_of_an_artifact():
    teacher = {"torch": "artifact://t.py:build"}
    assert "teacher: artifact://t.py:build is of an artifact" in refusal(
        {"method": "distill", "teacher": teacher}
    )


def test_the_module_of_an_onnx_file_cannot_be_changed():
    assert "prune changes the module of a framework" in refusal(PRUNE, model="model.onnx")


def test_a_chain_needs_rows_to_learn_from():
    data = {split: {"path": f"{split}.npz"} for split in ("calibration", "tuning", "validation")}
    assert "data.training: a chain recipe needs rows to learn from" in refusal([PRUNE, STATIC], data=data)


def test_two_of_four_have_their_share():
    spec = JobSpec._from_mapping(job([{"method": "prune", "pattern": "2:4"}, STATIC]))
    assert spec.listed[0].stages[0].sparsity == 0.5


def test_a_chain_does_not_begin_with_an_artifact():
    model = {"torch": "model.py:build", "weights": "artifact://w.safetensors"}
    assert "the model is an artifact; give it with paths of files" in refusal(PRUNE, model=model)
