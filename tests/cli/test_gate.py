"""`inc-mlflow gate`: over records that steps left, ahead of the work, and never over evidence that was
touched."""

import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest

from inc_mlflow.errors import IncError
from inc_mlflow.records import BASELINE, BenchmarkRecord, EvaluationRecord
from inc_mlflow.records.sealed_arrays import load_raw, save_raw
from inc_mlflow.spec import GateSpec, Job
from inc_mlflow.steps.measure.benchmark import benchmark_models
from inc_mlflow.steps.measure.evaluate import evaluate_models
from inc_mlflow.steps.measure.models import model_at
from inc_mlflow.steps.prepare.import_model import imported_baseline as normalized
from inc_mlflow.steps.standalone.gate import judge_records
from inc_mlflow.steps.standalone.prepare import write_candidate

pytestmark = pytest.mark.slow
ABSENT = object()


@pytest.fixture(scope="module")
def state(tmp_path_factory, make_work):
    """Records of the digits example's baseline and one candidate, as a state folder has them."""
    work = make_work(tmp_path_factory.mktemp("gate") / "job")
    job, folder = Job.load(work.job), work.folder / "state"
    write_candidate(job, '{"method": "static"}', [], work.folder / "int8.onnx")
    with normalized(job) as baseline:
        files = {BASELINE: baseline, "int8": work.folder / "int8.onnx"}
        models = [model_at(label, file, job.spec.engines) for label, file in files.items()]
        for name, measure in (("evaluation", evaluate), ("benchmark", benchmark_models)):
            (folder / name).mkdir(parents=True)
            measure(job, models, folder / name).save(folder / name)
    return folder


def evaluate(job: Job, models: list[Any], target: Path) -> EvaluationRecord:
    return evaluate_models(job, models, "validation", target)


@pytest.fixture
def copy(state, tmp_path):
    return shutil.copytree(state, tmp_path / "state")


def leaves(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[tuple[Any, ...], Any]]:
    """Every field of a record, containers too."""
    if path:
        yield path, value
    if isinstance(value, dict | list):
        for key, item in value.items() if isinstance(value, dict) else enumerate(value):
            yield from leaves(item, (*path, key))


def put(fields: Any, path: tuple[Any, ...], value: Any) -> None:
    *parents, last = path
    for key in parents:
        fields = fields[key]
    if value is ABSENT:
        del fields[last]
    else:
        fields[last] = value


def mutants(fields: dict[str, Any]) -> Iterator[tuple[tuple[Any, ...], Any]]:
    """Each field removed, made NaN, made null.

    Digests altered, pools swapped, everything else in the evidence changed.
    """
    for path, value in leaves(fields):
        yield path, ABSENT
        yield path, float("nan")
        if value is not None:
            yield path, None
        if isinstance(value, str) and re.fullmatch(r"[0-9a-f]{64}", value):
            yield path, ("0" if value[0] != "0" else "1") + value[1:]
        elif path[0] == "evidence" and isinstance(value, str):
            yield path, f"{value} of another"
        elif path[0] == "evidence" and isinstance(value, int | float):
            yield path, value + 1


@pytest.mark.parametrize("step", ["evaluation", "benchmark"])
def test_every_mutant_of_the_evidence_is_refused(copy, step):
    file = copy / step / "record.json"
    whole = file.read_text()
    assert judge_records([copy], GateSpec())["table"]
    survivors, count = [], 0
    for path, value in mutants(json.loads(whole)):
        fields = json.loads(whole)
        put(fields, path, value)
        file.write_text(json.dumps(fields))
        count += 1
        try:
            judge_records([copy], GateSpec())
            survivors.append((path, value))
        except IncError:
            pass
    assert survivors == []
    assert count > 100
    file.write_text(whole)
    assert judge_records([copy], GateSpec())["table"]


@pytest.mark.parametrize(
    ("step", "change", "message"),
    [
        ("evaluation", {"pool": "arm"}, "no evaluation of local"),
        ("benchmark", {"pool": "arm"}, "no evaluation of arm"),
        ("evaluation", {"models": {"baseline": "0" * 64}}, "is about other models"),
        ("benchmark", {"models": {"int8": "0" * 64}}, "is about other models"),
        ("benchmark", {"host": {"cpu": "another"}}, "measure both on one kind of host"),
        ("evaluation", {"host": {"gpu": "NVIDIA A100"}}, "measure both on one kind of host"),
        (
            "evaluation",
            {"provider": "cuda"},
            "was evaluated by cuda and benchmarked by cpu",
        ),
    ],
)
def test_evidence_that_was_sealed_again_must_still_fit_the_other_records(copy, step, change, message):
    """Who has the seal right can still not move numbers to another pool, model or host."""
    kind, raw, field = {
        "evaluation": (EvaluationRecord, "outcomes.npz", "outcomes_sha256"),
        "benchmark": (BenchmarkRecord, "latencies.npz", "latencies_sha256"),
    }[step]
    folder = copy / step
    record = kind.load(folder)
    arrays = load_raw(folder / raw, record, getattr(record, field))
    ((name, value),) = change.items()
    before = getattr(record.evidence, name)
    after = (
        value
        if isinstance(value, str)
        else before | value
        if name == "models"
        else before.model_copy(update=value)
    )
    forged = record.model_copy(update={"evidence": record.evidence.model_copy(update={name: after})})
    forged.model_copy(update={field: save_raw(folder / raw, forged, arrays)}).save(folder)
    with pytest.raises(IncError, match=message):
        judge_records([copy], GateSpec())


def test_a_record_written_in_another_order_is_the_same_record(copy):
    """As a tool that sorts keys leaves it: outcomes are found by name."""
    before = judge_records([copy], GateSpec())
    for file in copy.glob("*/record.json"):
        file.write_text(json.dumps(dict(reversed(json.loads(file.read_text()).items())), sort_keys=False))
        fields = json.loads(file.read_text())
        fields["evidence"]["models"] = dict(reversed(fields["evidence"]["models"].items()))
        if "results" in fields:
            fields["results"] = dict(reversed(fields["results"].items()))
        file.write_text(json.dumps(fields))
    assert judge_records([copy], GateSpec())["table"] == before["table"]


@pytest.mark.parametrize("content", [b"5", b"null", b"[]", b"{", b"\xff\xfe"])
def test_a_file_that_is_no_record_is_one_line(copy, call, content):
    (copy / "evaluation" / "record.json").write_bytes(content)
    for place in (copy, copy / "evaluation"):
        code, out, err = call("gate", place)
        assert (code, out, len(err.splitlines())) == (2, "", 1)


def test_outcomes_that_were_touched_are_refused(copy):
    path = copy / "evaluation" / "outcomes.npz"
    with np.load(path) as archive:
        arrays = dict(archive)
    arrays["1"][:40] = 1.0
    np.savez(path, **arrays)
    with pytest.raises(IncError, match="changed since it was measured"):
        judge_records([copy], GateSpec())


def test_judges_a_state_folder_by_the_default_gate(state, call):
    code, out, err = call("gate", state, "--json")
    result = json.loads(out)
    assert (code, result["verdict"], err) == (
        {"pass": 0, "fail": 3, "inconclusive": 4}[result["verdict"]],
        result["verdict"],
        "",
    )
    assert [row["recipe"] for row in result["table"]] == ["baseline", "int8"]
    assert result["best"] == result["table"][1]
    assert result["best"]["verdict"] == result["verdict"]
    assert result["table"][1]["size_bytes"] > 0


def test_shows_a_person_the_table_and_the_reasons(state, call):
    _, out, _ = call("gate", state / "evaluation", state / "benchmark")
    assert out.splitlines()[0].split()[:2] == ["recipe", "top1"]
    assert "top1 drops by" in out


def test_a_policy_decides(state, call, tmp_path):
    policy = tmp_path / "policy.yaml"
    policy.write_text("version: 1\nmin_speedup: 100\n")
    code, out, _ = call("gate", state, "--policy", policy)
    assert code == 3
    assert "needed is 100.00x" in out
    policy.write_text("version: 1\nmax_relative_drop: 0.5\nmin_speedup: 0.001\nmax_class_drop: 0.5\n")
    code, out, _ = call("gate", state, "--policy", policy)
    assert code == 0
    assert "top1 of class " in out


def test_ci_sees_a_gate_that_fails_and_no_older_verdict(state, call, tmp_path):
    policy, summary, junit = (tmp_path / name for name in ("policy.yaml", "summary.md", "junit.xml"))
    policy.write_text("version: 1\nmin_speedup: 100\n")
    files = ("--summary", summary, "--junit", junit)
    assert call("gate", state, "--policy", policy, *files)[0] == 3
    assert "needed is 100.00x" in summary.read_text()
    assert "needed is 100.00x" in ElementTree.parse(junit).find(".//testcase[@name='verdict']/failure").text
    assert call("gate", tmp_path / "away", *files)[0] == 2
    assert not summary.exists()
    assert not junit.exists()


def test_a_job_may_name_a_policy_file_and_a_wrong_one_is_refused(work, refused):
    work.write("policy.yaml", "version: 1\nmax_drop: 0.1\n")
    work.set("gate", "policy.yaml")
    refused("run", work.job, holds=("policy.yaml: max_drop: unknown field",))
    work.write("policy.yaml", "version: 1\nmax_class_drop: 0.1\n")
    work.write(
        "metric.py",
        "def same(outputs, labels, reference):\n    return (outputs['logits'] == reference['logits']).all(1)\n",
    )
    work.set("metric", {"callable": "metric.py:same"})
    work.change("dev.npz", label=np.zeros(500))
    refused("run", work.job, holds=("gate.max_class_drop: same has no class per row",))


def test_says_ahead_what_a_number_of_rows_can_decide(answer):
    found = answer("gate", "--plan", "--rows", "1821")
    assert found["rows"] == 1821
    assert found["plan"].startswith(
        "1,821 validation rows, allowed drop 1 %: with 1 % disagreement a candidate passes up to"
    )


def test_says_ahead_what_a_jobs_split_can_decide_and_measures_a_candidate(answer, state, work):
    found = answer("gate", "--plan", "--job", work.job)
    assert (found["rows"], found["candidates"]) == (500, 3)
    assert "; with 4 % disagreement none can pass, about " in found["plan"]
    work.set("data.tuning", {"path": "tune.npz"})
    measured = answer("gate", "--plan", "--job", work.job, "--candidate", state.parent / "int8.onnx")
    assert re.search(r"3 candidates: with (no|0\.\d+ %) disagreement", measured["plan"])


def test_a_jobs_groups_are_what_the_plan_counts(answer, work):
    work.change("dev.npz", speaker=np.arange(500) // 5)
    work.set("data.group", "speaker")
    found = answer("gate", "--plan", "--job", work.job)
    assert (found["rows"], found["groups"]) == (500, 100)
    assert found["plan"].startswith("100 validation groups of speaker, allowed drop 1 %")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "gate: give directories of records, or --plan"),
        (["--plan"], "--plan: give either --job or --rows"),
        (
            ["--plan", "--rows", "9", "--candidate", "m.onnx"],
            "--candidate: its disagreement is measured on a job",
        ),
        (["somewhere", "--plan", "--rows", "9"], "--plan: looks ahead and takes no records"),
        (["somewhere", "--rows", "9"], "--rows: is for --plan"),
        (["somewhere"], "somewhere: holds no record.json"),
        (["somewhere", "--policy", "gone.yaml"], "gone.yaml: cannot be read"),
    ],
)
def test_wrong_use_is_one_line(call, arguments, message):
    code, out, err = call("gate", *arguments)
    assert (code, out) == (2, "")
    assert err.startswith(f"inc-mlflow: {message}")
    assert len(err.splitlines()) == 1
