"""Steps on one machine: what a killed, failed or repeated run finds in the state folder."""

import errno
import json
import os
from pathlib import Path

import pytest

from inc_mlflow.errors import DataError, StateError
from inc_mlflow.records import RECORD, CalibrationRecord, ChampionRecord
from inc_mlflow.spec import Job, JobSpec
from inc_mlflow.steps.step import FAILURE, STATE, load_job, step

JOB = Job(
    JobSpec.from_text(
        "{version: 1, name: a, model: a.onnx, data: {validation: {path: a.npz}}, metric: top1, recipes: "
        "[{method: dynamic}]}"
    ),
    Path(),
)


class Steps:
    """Two steps that count how often they really worked: the second reads what the first wrote."""

    def __init__(self) -> None:
        self.worked: list[str] = []
        self.content = "one"
        self.trouble: Exception | None = None

        @step("first", CalibrationRecord)
        def first(job: Job, target: Path) -> CalibrationRecord:
            self.worked.append("first")
            assert not list(target.iterdir())
            (target / "data").write_text(self.content)
            if self.trouble:
                raise self.trouble
            return CalibrationRecord(model_sha256=self.content, ranges_sha256=None, tensors=0, rows=0)

        @step("second", CalibrationRecord)
        def second(job: Job, target: Path, *, source: Path) -> CalibrationRecord:
            self.worked.append("second")
            text = (source / "data").read_text().upper()
            (target / "data").write_text(text)
            return CalibrationRecord(model_sha256=text, ranges_sha256=None, tensors=0, rows=0)

        self.first, self.second = first, second

    def run(self, root: Path) -> str:
        self.first(JOB, root / "1")
        self.second(JOB, root / "2", source=root / "1")
        return (root / "2" / "data").read_text()


@pytest.fixture
def state(tmp_path, monkeypatch):
    folder = tmp_path / "state"
    folder.mkdir()
    monkeypatch.setenv(STATE, str(folder))
    return folder


@pytest.fixture
def steps():
    return Steps()


def test_a_finished_step_is_not_redone(state, steps, tmp_path):
    assert steps.run(tmp_path / "a") == "ONE"
    assert steps.run(tmp_path / "b") == "ONE"
    assert steps.worked == ["first", "second"]


def test_a_step_is_redone_when_its_input_says_something_else(state, steps, tmp_path):
    steps.run(tmp_path / "a")
    (state / "first" / "done.json").unlink()
    steps.content = "two"
    assert steps.run(tmp_path / "b") == "TWO"
    assert steps.worked == ["first", "second"] * 2


def test_a_step_is_kept_when_its_input_was_redone_with_the_same_result(state, steps, tmp_path):
    steps.run(tmp_path / "a")
    before = CalibrationRecord.load(state / "first")
    (state / "first" / "done.json").unlink()
    steps.run(tmp_path / "b")
    assert steps.worked == ["first", "second", "first"]
    assert CalibrationRecord.load(state / "first").identity() == before.identity()


def test_the_target_becomes_a_link_to_the_state_folder(state, steps, tmp_path):
    target = tmp_path / "artifacts" / "1"
    target.mkdir(parents=True)  # as the pipeline runner does beforehand
    for _ in range(2):
        record = steps.first(JOB, target)
        assert target.is_symlink()
        assert target.resolve() == (state / "first").resolve()
    assert record == CalibrationRecord.load(target)
    assert record.seconds > 0


def test_a_target_inside_the_state_folder_stays_what_it_is(state, steps):
    steps.first(JOB, state / "first")
    assert not (state / "first").is_symlink()
    assert (state / "first" / "data").read_text() == "one"


def test_an_error_of_ours_is_left_for_the_parent(state, steps, tmp_path, monkeypatch):
    failure = tmp_path / "failure.json"
    monkeypatch.setenv(FAILURE, str(failure))
    steps.trouble = DataError("data.tuning: wrong")
    with pytest.raises(DataError, match=r"^data\.tuning: wrong$"):
        steps.first(JOB, tmp_path / "1")
    assert json.loads(failure.read_text()) == {"kind": "DataError", "message": "data.tuning: wrong"}
    assert not (state / "first").exists()
    assert not (tmp_path / "1").exists()
    steps.trouble = None
    steps.first(JOB, tmp_path / "1")
    assert steps.worked == ["first", "first"]


def test_an_error_names_the_place_that_a_person_knows(state, tmp_path):
    @step("first", CalibrationRecord)
    def fills_the_disk(job: Job, target: Path) -> CalibrationRecord:
        raise OSError(errno.ENOSPC, "No space left on device", str(target / "data"))

    with pytest.raises(StateError, match=f"^{state / 'first'}: the disk is full"):
        fills_the_disk(JOB, tmp_path / "1")


def test_a_bug_leaves_no_error_file_and_no_result(state, steps, tmp_path):
    steps.trouble = ZeroDivisionError("bug")
    with pytest.raises(ZeroDivisionError):
        steps.first(JOB, tmp_path / "1")
    assert sorted(path.name for path in state.iterdir()) == [".first.partial"]


def test_what_a_killed_attempt_left_is_thrown_away(state, steps, tmp_path):
    partial = state / ".first.partial"
    partial.mkdir()
    (partial / "half").write_text("half a file")
    steps.first(JOB, tmp_path / "1")
    assert not partial.exists()
    assert sorted(path.name for path in (state / "first").iterdir()) == ["data", "done.json", RECORD]


def test_a_killed_step_leaves_nothing_that_looks_finished(state, steps, tmp_path):
    steps.trouble = KeyboardInterrupt()
    with pytest.raises(KeyboardInterrupt):
        steps.first(JOB, tmp_path / "1")
    assert not (state / "first").exists()


def test_the_process_is_announced_while_it_works_and_no_longer(state, tmp_path):

    @step("busy", CalibrationRecord)
    def busy(job: Job, target: Path) -> CalibrationRecord:
        assert int((state / "busy.pid").read_text()) == os.getpid()
        return CalibrationRecord(model_sha256="a", ranges_sha256=None, tensors=0, rows=0)

    busy(JOB, tmp_path / "1")
    assert not list(state.glob("*.pid"))


def test_a_step_that_met_an_absent_server_asks_again(state, tmp_path):
    answers = [False, True, True]

    @step("champion", ChampionRecord)
    def ask(job: Job, target: Path) -> ChampionRecord:
        return ChampionRecord(reachable=answers.pop(0))

    assert [ask(JOB, tmp_path / "c").reachable for _ in range(3)] == [False, True, True]
    assert len(answers) == 1


def test_without_a_state_folder_the_step_works_in_its_target_each_time(steps, tmp_path, monkeypatch):
    monkeypatch.delenv(STATE, raising=False)
    for run in ("a", "b"):
        assert steps.run(tmp_path / run) == "ONE"
    assert steps.worked == ["first", "second"] * 2
    assert sorted(path.name for path in (tmp_path / "a" / "1").iterdir()) == ["data", RECORD]
    assert not (tmp_path / "a" / "1").is_symlink()


def test_a_target_that_cannot_be_made_is_one_line(steps, tmp_path, monkeypatch):
    monkeypatch.delenv(STATE, raising=False)
    (tmp_path / "file").write_text("")
    with pytest.raises(StateError, match="choose a writable directory"):
        steps.first(JOB, tmp_path / "file" / "1")


def test_a_component_reads_back_the_job_it_was_handed_as_text():
    assert load_job(JOB.spec.to_text(), "/jobs") == Job(JOB.spec, Path("/jobs"))


def test_a_finished_step_whose_record_is_lost_is_redone(state, steps, tmp_path):
    steps.first(JOB, tmp_path / "1")
    (state / "first" / RECORD).unlink()
    steps.content = "another"
    assert steps.first(JOB, tmp_path / "1").model_sha256 == "another"
    assert steps.worked == ["first", "first"]
    assert (tmp_path / "1" / "data").read_text() == "another"


def test_an_input_that_cannot_be_read_is_not_blamed_on_the_target(tmp_path, monkeypatch):
    monkeypatch.delenv(STATE, raising=False)

    @step("reads", CalibrationRecord)
    def reads(job: Job, target: Path) -> CalibrationRecord:
        raise PermissionError(13, "Permission denied", "secret.npz")

    with pytest.raises(PermissionError):
        reads(JOB, tmp_path / "1")
