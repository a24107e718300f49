"""The search through the command line, on the digits example with a budget of seconds."""

import json
import re
from pathlib import Path

import filelock
import onnx
import pytest
from onnx import TensorProto, helper

pytestmark = pytest.mark.slow
TRIAL = {
    "recipe",
    "label",
    "accuracy",
    "relative_drop",
    "speedup",
    "output_error",
    "size_bytes",
    "rows",
    "rejected",
}


@pytest.fixture(scope="module")
def searched(tmp_path_factory, make_work, run_program):
    """A directory with a finished search, and what its process printed."""
    work = make_work(tmp_path_factory.mktemp("searched") / "job")
    out = work.folder / "out"
    done = run_program("search", work.job, "-o", out, "--budget", "10", "--json")
    assert done.returncode == 0, done.stderr[-600:]
    return work, out, json.loads(done.stdout)


def test_gives_at_most_three_candidates_and_all_trials(searched):
    _, out, found = searched
    assert list(found) == [
        "candidates",
        "picture",
        "trials",
        "rejected",
        "cpu_seconds",
        "plan",
        "ended",
        "planned",
        "trained",
        "metric",
        "metrics",
    ]
    assert 1 <= len(found["candidates"]) <= 3
    assert found["plan"].startswith("500 validation rows, allowed drop 1 %")
    assert all(set(trial) == TRIAL for trial in found["trials"])
    for candidate in found["candidates"]:
        onnx.checker.check_model(candidate["path"])
        assert candidate["rejected"] is None
        assert candidate["speedup"]["value"] > 1
        assert (Path(candidate["path"]).parent / "saturation.json").exists()
    assert Path(found["picture"]).read_text().lstrip().startswith("<?xml")
    assert json.loads((out / "best.json").read_text())["label"] == found["candidates"][0]["label"]


def test_what_int8_makes_slower_is_rejected_in_words(searched):
    slow = [trial for trial in searched[2]["trials"] if trial["speedup"] and trial["speedup"]["high"] < 1]
    assert all("on tuning, not the 1.00x it needs" in trial["rejected"] for trial in slow)


def test_goes_on_in_its_directory_and_repeats_no_trial(searched, run_program):
    """With more budget other recipes may be tried in between.

    What was tried before keeps its numbers and its order.
    """
    work, out, found = searched
    done = run_program("search", work.job, "-o", out, "--budget", "12", "--json")
    again = json.loads(done.stdout)["trials"]
    before = [trial for trial in again if any(trial["recipe"] == old["recipe"] for old in found["trials"])]
    assert before
    assert before == [
        old for old in found["trials"] if any(trial["recipe"] == old["recipe"] for trial in again)
    ]
    tried = [json.loads(line)["recipe"] for line in (out / "trials.jsonl").read_text().splitlines()[1:]]
    assert all(tried.count(recipe) == 1 for recipe in tried)


def test_another_job_does_not_go_on_in_it(searched, run_program):
    work, out, _ = searched
    work.set("gate.max_relative_drop", 0.02)
    done = run_program("search", work.job, "-o", out, "--json")
    work.set("gate.max_relative_drop", 0.01)
    assert (done.returncode, done.stdout) == (2, "")
    assert "is of another search" in done.stderr
    assert done.stderr.count("\n") == 1


def test_a_finished_search_gives_the_same_again(searched, run_program):
    work, out, _ = searched
    first, second = (
        json.loads(run_program("search", work.job, "-o", out, "--budget", "1", "--json").stdout) for _ in "ab"
    )
    assert first["candidates"] == second["candidates"]
    assert first["trials"] == second["trials"]
    line = rf"the search was ended by its budget of 1 s, after {len(first['trials'])} recipes; raise search.budget"
    assert re.match(line, first["ended"])


def test_a_directory_with_other_files_is_left_alone(searched, run_program, tmp_path):
    (tmp_path / "trials" / "1").mkdir(parents=True)
    (tmp_path / "trials" / "1" / "mine.txt").write_text("mine")
    done = run_program("search", searched[0].job, "-o", tmp_path)
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert "holds other files; give a new directory" in done.stderr
    assert (tmp_path / "trials" / "1" / "mine.txt").exists()


def test_two_searches_do_not_work_in_one_directory(searched, run_program):
    work, out, _ = searched
    with filelock.FileLock(out / ".lock"):
        done = run_program("search", work.job, "-o", out)
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert "another search works there" in done.stderr


def test_prints_a_table_for_people(searched, run_program):
    work, out, found = searched
    done = run_program("search", work.job, "-o", out, "--budget", "1")
    assert done.returncode == 0, done.stderr
    assert found["candidates"][0]["path"].removeprefix(str(work.folder)) in done.stdout
    assert "trials" in done.stdout
    assert "The search was ended by its budget of 1 s, after" in done.stdout
    assert "candidate" in done.stdout


def test_a_model_without_anything_to_quantise_stays_fp32(make_work, run_program, tmp_path):
    work = make_work(tmp_path / "job")
    nodes = [
        helper.make_node("Flatten", ["image"], ["flat"]),
        helper.make_node("Slice", ["flat", "from", "to", "axis"], ["ten"]),
        helper.make_node("Tanh", ["ten"], ["logits"]),
    ]
    constants = [
        helper.make_tensor(name, TensorProto.INT64, [1], [value])
        for name, value in (("from", 0), ("to", 10), ("axis", 1))
    ]
    image = helper.make_tensor_value_info("image", TensorProto.FLOAT, ["batch", 1, 8, 8])
    logits = helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["batch", 10])
    graph = helper.make_graph(nodes, "g", [image], [logits], constants)
    onnx.save(
        helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8),
        work.folder / "fp32.onnx",
    )
    done = run_program("search", work.job, "-o", work.folder / "out", "--json")
    found = json.loads(done.stdout)
    assert (done.returncode, found["candidates"], found["picture"]) == (3, [], None), done.stderr
    assert found["rejected"] == "it has no operator that gains by INT8"
    told = run_program("search", work.job, "-o", work.folder / "out")
    assert told.returncode == 3
    assert "keep FP32: it has no operator that gains by INT8" in told.stdout


def test_a_job_that_leaves_its_recipes_to_the_search(make_work, run_program, tmp_path):
    work = make_work(tmp_path / "job")
    work.set("recipes", "auto")
    work.set("search", {"budget": 5})
    done = run_program("run", work.job, "--json")
    result = json.loads(done.stdout)
    ends = {"pass": 0, "fail": 3, "inconclusive": 4}
    assert done.returncode == ends[result["verdict"]], "what it finds depends on what its seconds were worth"
    assert len(result["table"]) >= 2
    names = {path.name for path in (work.state / "artifacts").rglob("*")}
    assert {"search.svg", "saturation.json", "saturation.md"} <= names
    (record,) = work.state.glob("artifacts/**/candidates/record.json")
    assert len(json.loads(record.read_text())["trials"]) >= 1
