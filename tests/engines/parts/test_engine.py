"""Several graphs as one model: import, what each part is called with, and faults of the function."""

import json
import shutil
from dataclasses import replace

import numpy as np
import pytest

from inc_mlflow.engines.engine import RunSettings
from inc_mlflow.engines.parts.engine import ENGINE
from inc_mlflow.engines.parts.folder import PartsModel
from inc_mlflow.engines.parts.pipeline import calls_of, spread_calls
from inc_mlflow.errors import ModelError
from inc_mlflow.files import model_files, model_sha256
from inc_mlflow.spec import Job
from inc_mlflow.steps.prepare.check import check
from inc_mlflow.steps.prepare.import_model import import_model
from tests.support.translator import RUN, STEPS, TOKENS


def letters(job, count=4):
    with np.load(job.root / "validation.npz") as archive:
        return {"letters": archive["letters"][:count]}, archive["tokens"][:count]


def test_the_baseline_is_a_folder_that_says_what_the_sources_say(job, imported, baseline):
    record = imported[1]
    files = {file.relative_to(baseline).as_posix() for file in model_files(baseline)}
    assert files == {
        "parts.json",
        "encoder/model.onnx",
        "decoder/model.onnx",
        "code/run.py",
        "code/rules.py",
    }
    assert record.source_error is None
    assert record.baselines[0].largest_difference < 1e-5
    rows, tokens = letters(job, 40)
    assert (ENGINE.load(baseline, RunSettings())(rows)["tokens"] == tokens).all()
    assert json.loads((baseline / "parts.json").read_text())["pipeline"] == "code/run.py:translate"


def test_the_same_import_gives_the_same_bytes(job, baseline, tmp_path):
    import_model(job, tmp_path)
    assert model_sha256(tmp_path / "model.parts") == model_sha256(baseline)


def test_a_part_whose_import_would_change_its_outputs_is_noticed(job, tmp_path, monkeypatch):
    """The tokens would be the same, but not the state."""
    whole = type(ENGINE.inner).import_source

    def wrong(self, source, folder, without=(), axes=None):
        import onnx
        from onnx import numpy_helper

        made = whole(self, source, folder, without, axes)
        if source.name != "encoder.onnx":
            return made
        model = onnx.load(folder / "model.onnx")
        table = next(one for one in model.graph.initializer if one.name == "table")
        table.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(table) * np.float32(1.01), "table"))
        onnx.save(model, folder / "model.onnx")
        return made

    monkeypatch.setattr(type(ENGINE.inner), "import_source", wrong)
    with pytest.raises(ModelError, match=r"encoder\.onnx: importing it changes its outputs: output 'state'"):
        import_model(job, tmp_path)


def test_inputs_are_those_of_a_part_or_of_the_job(job):
    (given,) = ENGINE.interface(job.model).inputs
    assert (given.name, given.dtype) == ("letters", "int64")
    assert ENGINE.interface(job.model).output_names == ("tokens",)
    other = job.spec.model.model_copy(update={"inputs": {"audio": "float32"}})
    (given,) = ENGINE.interface(other.source(job.root)).inputs
    assert (given.name, given.dtype, given.shape) == ("audio", "float32", None)


def test_each_part_is_recorded_with_what_it_is_called_with(job, baseline):
    pipeline = ENGINE.load(baseline, RunSettings())
    rows, tokens = letters(job)
    stops = (tokens == 0).argmax(axis=1)  # token 0 may also be said: a lower bound
    calls = list(calls_of(pipeline, [rows], "decoder"))
    assert len(list(calls_of(pipeline, [rows], "encoder"))) == 4
    assert len(calls) >= stops.sum() + 4
    assert calls[0]["token"] == [0]
    assert calls[0]["state"].shape == (1, 64)
    first = next(calls_of(pipeline, [rows], "encoder"))["letters"][0]
    assert (first == rows["letters"][0][rows["letters"][0] > 0]).all()
    few = spread_calls(pipeline, [rows], 3)["decoder"]
    assert len(few) == 3
    assert (few[0]["state"] == calls[0]["state"]).all()
    assert (few[-1]["state"] == calls[-1]["state"]).all()


def changed(job, tmp_path, code=RUN, **model):
    """The job with other code, or another model."""
    for name in (
        "encoder.onnx",
        "decoder.onnx",
        "rules.py",
        "metric.py",
        *(f"{one}.npz" for one in job.spec.data.splits()),
    ):
        shutil.copy(job.root / name, tmp_path / name)
    (tmp_path / "run.py").write_text(code)
    spec = job.spec.model_copy(update={"model": job.spec.model.model_copy(update=model)})
    return replace(job, spec=spec, root=tmp_path)


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        (
            'parts["encoder"]',
            'parts["encodr"]',
            "model.pipeline: calls the part 'encodr'; the model has decoder, encoder",
        ),
        ('["state"]', '["stat"]', r"model.pipeline: .*/run.py:10 in translate: KeyError: 'stat'"),
        ('{"tokens": found}', '{"words": found}', r"returns words, not tokens; .* model.outputs: \[words\]"),
        (
            '{"tokens": found}',
            '{"tokens": found[:0]}',
            r"'tokens' has shape \(0, 5\) .* for 1 rows; return an array",
        ),
        ('"state": state}', '"state": state[0]}', r"model.parts.decoder: .* Invalid rank for input: state"),
    ],
)
def test_what_the_function_does_wrong_is_one_line(job, tmp_path, old, new, says):
    wrong = changed(job, tmp_path, RUN.replace(old, new))
    with pytest.raises(ModelError, match=says):
        import_model(wrong, tmp_path / "out")


@pytest.mark.parametrize(
    ("code", "says"),
    [
        ("import nothing_like_it", "run.py:1 in <module>: ModuleNotFoundError"),
        ("def other():\n    pass", "run.py has no function 'translate'; it has other"),
    ],
)
def test_a_function_that_is_not_there_is_told_before_any_work(job, tmp_path, code, says):
    with pytest.raises(ModelError, match=says):
        check(changed(job, tmp_path, code))


def test_files_that_the_function_reads_come_along(job, tmp_path):
    code = RUN.replace(
        "from rules import STOP",
        "from pathlib import Path\nSTOP = int((Path(__file__).parent / 'lists/stop.txt').read_text())",
    )
    reading = changed(job, tmp_path, code, files=("lists/stop.txt",))
    with pytest.raises(ModelError, match=r"model.files: no file .*stop.txt"):
        ENGINE.source_files(reading.model)
    (tmp_path / "lists").mkdir()
    (tmp_path / "lists" / "stop.txt").write_text(str(TOKENS - 1))
    import_model(reading, tmp_path / "out")
    made = tmp_path / "out" / "model.parts"
    assert (made / "code" / "lists" / "stop.txt").is_file()
    rows, tokens = letters(job)
    assert (ENGINE.load(made, RunSettings())(rows)["tokens"] == tokens).all()


def test_one_output_may_be_returned_as_it_is(job, tmp_path):
    plain = changed(job, tmp_path, RUN.replace('{"tokens": found}', "found"))
    rows, tokens = letters(job)
    found = ENGINE.load(plain.model, RunSettings())(rows)
    assert found["tokens"].shape == (4, STEPS)
    assert (found["tokens"] == tokens).all()


@pytest.mark.parametrize("path", ["/etc/passwd", "../encoder.onnx"])
def test_a_folder_that_names_files_outside_is_refused(baseline, tmp_path, path):
    shutil.copytree(baseline, tmp_path / "model.parts")
    file = tmp_path / "model.parts" / "parts.json"
    file.write_text(file.read_text().replace("encoder/model.onnx", path))
    with pytest.raises(ModelError, match="which is outside of it; it was altered"):
        PartsModel.open(tmp_path / "model.parts")


def test_the_source_digest_is_of_parts_and_code_but_not_of_places(job, tmp_path):
    here = ENGINE.source_files(job.model)
    assert {file.name for file in here} == {"encoder.onnx", "decoder.onnx", "run.py", "rules.py"}
    assert isinstance(job, Job)


def test_a_rewrite_is_left_out_of_all_parts_or_of_one(job, tmp_path, monkeypatch):
    first, second, *_ = ENGINE.rewrites
    seen, whole = {}, type(ENGINE.inner).import_source

    def spied(self, source, folder, without=(), axes=None):
        seen[source.stem] = set(without)
        return whole(self, source, folder, without, axes)

    monkeypatch.setattr(type(ENGINE.inner), "import_source", spied)
    ENGINE.import_source(job.model, tmp_path, (first, f"decoder/{second}"))
    assert seen == {"encoder": {first}, "decoder": {first, second}}
