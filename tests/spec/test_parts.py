"""A model of several parts in a job: what a person writes, and what the job's text says."""

import re
from pathlib import Path

import pytest

from inc_mlflow.errors import SpecError
from inc_mlflow.spec import JobSpec, PartsSpec
from inc_mlflow.spec.paths import paths
from tests.support.translator import job_data, job_spec


def recipes_of(*recipes):
    return [
        {part: one.label() for part, one in recipe.parts.items()}
        for recipe in job_spec(recipes=list(recipes)).listed
    ]


def test_a_recipe_is_for_all_parts_for_some_or_of_each():
    static = {"decoder": {"method": "static", "per_channel": False}, "encoder": {"method": "dynamic"}}
    found = recipes_of({"method": "dynamic"}, {"method": "dynamic", "parts": ["encoder"]}, {"parts": static})
    dynamic = "dynamic s8 per-channel"
    assert found == [
        {"encoder": dynamic, "decoder": dynamic},
        {"encoder": dynamic},
        {"decoder": "static u8s8 per-tensor", "encoder": dynamic},
    ]


def test_a_label_names_the_parts():
    labels = [recipe.label() for recipe in job_spec(recipes=[{"method": "dynamic"}]).listed]
    assert labels == ["encoder+decoder dynamic s8 per-channel"]


@pytest.mark.parametrize("engines", [None, "auto", ["onnxruntime"], ["parts"]])
def test_the_engine_follows_from_the_model(engines):
    spec = JobSpec.model_validate(job_data() | ({"engines": engines} if engines else {}))
    assert spec.engines == ("parts",)
    assert {recipe.engine for recipe in spec.listed} == {"parts"}


def test_text_gives_the_same_job_though_it_sorts_the_parts():
    spec = job_spec()
    again = JobSpec.from_text(spec.to_text())
    assert again == spec
    assert again.to_text() == spec.to_text()
    assert again.model.inputs == "encoder", "the first part, though the text has the decoder first"


def test_its_files_are_paths_of_the_job():
    model = job_data()["model"] | {"files": ["words/list.txt"]}
    found = {field: path for field, path in paths(job_spec(model=model)).items() if field.startswith("model")}
    assert found == {
        "model.parts.encoder": "encoder.onnx",
        "model.parts.decoder": "decoder.onnx",
        "model.pipeline": "run.py",
        "model.files[0]": "words/list.txt",
    }


def test_a_source_is_described_with_absolute_paths_once(tmp_path, monkeypatch):
    monkeypatch.setenv("INC_MLFLOW_CACHE", str(tmp_path / "cache"))
    model = job_spec().model
    path = model.source(tmp_path)
    assert path == model.source(tmp_path)
    found = PartsSpec.load(path)
    assert found.parts["decoder"] == str(tmp_path / "decoder.onnx")
    assert found.pipeline == f"{tmp_path}/run.py:translate"
    assert model.source(tmp_path / "other") != path


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"parts": {}}, "model.parts: "),
        ({"parts": {"../x": "a.onnx", "decoder": "d.onnx"}}, "model.parts.../x"),
        ({"parts": {"encoder": "a.pt", "decoder": "b.onnx"}}, "model: 'a.pt' is not an .onnx file"),
        ({"pipeline": "run.py"}, "model.pipeline: "),
        ({"inputs": "encodr"}, "model: inputs: no part 'encodr'; there are encoder, decoder"),
        ({"inputs": {"x": "int65"}}, "model: inputs.x: no type 'int65'; write NumPy's name, as int64"),
        (
            {"files": ["../x.txt"]},
            "model: files: '../x.txt' is not in the folder of run.py or below; move it",
        ),
        ({"outputs": []}, "model.outputs: "),
        ({"part": {}}, "model.part: unknown field, did you mean 'parts'?"),
    ],
)
def test_a_wrong_model_is_one_line(changes, says):
    with pytest.raises(SpecError, match="^" + re.escape(says)):
        JobSpec.from_text(str_of(job_data() | {"model": job_data()["model"] | changes}))


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        (
            {"recipes": [{"method": "static", "parts": ["decodr"]}]},
            "no part 'decodr', did you mean 'decoder'?; the model has encoder, decoder",
        ),
        ({"recipes": [{"method": "static", "parts": "decoder"}]}, "recipes: parts: give names of parts, as"),
        (
            {"recipes": [{"parts": {"decoder": {"method": "statik"}}}]},
            "no method 'statik', did you mean 'static'",
        ),
        (
            {"engines": ["onnxruntime", "parts"]},
            "onnxruntime takes no such model: parts is for models of several",
        ),
        ({"model": "one.onnx", "engines": ["parts"]}, "parts takes no such model"),
        (
            {"recipes": [{"method": "static"}], "data": {"validation": {"path": "v.npz"}}},
            "data.calibration: ",
        ),
    ],
)
def test_a_job_that_does_not_fit_its_parts_is_one_line(changes, says):
    with pytest.raises(SpecError, match=re.escape(says)):
        JobSpec.from_text(str_of(job_data() | changes))


def test_a_job_of_one_graph_is_as_ever():
    spec = job_spec(model="one.onnx", recipes=[{"method": "dynamic"}])
    assert (spec.model, spec.engines, spec.listed[0].engine) == ("one.onnx", ("onnxruntime",), "onnxruntime")
    assert '"model":"one.onnx"' in spec.to_text()


def str_of(data):
    import yaml

    return yaml.safe_dump(data, sort_keys=False)


def test_no_description_is_one_line(tmp_path):
    file = Path(tmp_path / "x.parts.json")
    file.write_text('{"parts": 3}')
    with pytest.raises(SpecError, match=re.escape(f"{file}: parts: expected a valid dictionary")):
        PartsSpec.load(file)
