"""Files that a power cut halved or a disk altered: the step is done again, and no wrong result is used."""

import json
import random
import shutil

import pytest

from inc_mlflow.pipelines.state import remove_damaged
from tests.support.pipeline_runs import candidates, copy_of, folders, state_of

pytestmark = pytest.mark.slow


def emptied(content):
    return b""


def halved(content):
    return content[: len(content) // 2]


def flipped(content):
    middle = len(content) // 2
    return content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :]


DAMAGES = (emptied, halved, flipped)


def damage(path, how):
    path.write_bytes(how(path.read_bytes()))


def files(state):
    """Return all files of a state folder that hold something; the lock is empty."""
    return sorted(
        path.relative_to(state) for path in state.rglob("*") if path.is_file() and path.stat().st_size
    )


def ends_like(job, run, undisturbed):
    """Tell what a run said that must end like an undisturbed one, up to what it measured anew."""
    assert run.wait() == 0, run.err[-3000:]
    assert "Traceback" not in run.err
    result = json.loads(run.out)
    assert result["verdict"] == undisturbed.result["verdict"]
    assert candidates(result) == candidates(undisturbed.result)
    assert result["champion"]["sha256"] == undisturbed.result["champion"]["sha256"]
    assert folders(job) == undisturbed.folders
    return run.err


@pytest.mark.parametrize("how", DAMAGES)
def test_every_file_of_every_step_is_noticed(how, undisturbed, tmp_path):
    whole = state_of(undisturbed.job)
    for file in [file for file in files(whole) if file.parts[1:]]:
        state = tmp_path / "state"
        shutil.copytree(whole, state)
        damage(state / file, how)
        told = []
        remove_damaged(state, told.append)
        assert told == [f"{state / file.parts[0]}: damaged; the step is done again"], file
        assert not (state / file.parts[0]).exists()
        assert not (state / "result.json").exists()
        shutil.rmtree(state)


def test_a_whole_state_is_left_as_it_is(undisturbed, tmp_path):
    state = tmp_path / "state"
    shutil.copytree(state_of(undisturbed.job), state)
    before = files(state)
    remove_damaged(state, pytest.fail)
    assert files(state) == before


def test_a_damaged_state_heals_and_says_so(undisturbed, tmp_path, start):
    job = copy_of(undisturbed.job, tmp_path / "digits")
    state = state_of(job)
    for name, how in {
        "baseline/model.onnx": halved,
        "ranges/record.json": emptied,
        "candidates/done.json": emptied,
        "evaluation/outcomes.npz": flipped,
        "session": emptied,
        "sent.json": halved,
    }.items():
        damage(state / name, how)
    said = ends_like(job, start(job), undisturbed)
    for step in ("baseline", "ranges", "candidates", "evaluation"):
        assert f"{state / step}: damaged; the step is done again\n" in said
    assert str(state / "benchmark") not in said
    assert ".partial" not in said


@pytest.mark.long
def test_a_state_with_any_file_damaged_heals(undisturbed, tmp_path, start):
    """One after the other in the same place, each in a way drawn by chance."""
    job, rng = copy_of(undisturbed.job, tmp_path / "digits"), random.Random(0)
    ends_like(job, start(job), undisturbed)
    for file in files(state_of(job)):
        how = rng.choice(DAMAGES)
        damage(state_of(job) / file, how)
        said = ends_like(job, start(job), undisturbed)
        print(how.__name__, file, "told" if "damaged" in said else "")


@pytest.mark.long
@pytest.mark.parametrize("how", DAMAGES)
def test_a_damaged_result_is_put_together_again(how, undisturbed, tmp_path, start):
    job = copy_of(undisturbed.job, tmp_path / "digits")
    damage(state_of(job) / "result.json", how)
    said = ends_like(job, start(job), undisturbed)
    assert f"{state_of(job) / 'result.json'}: damaged; it is put together again\n" in said
