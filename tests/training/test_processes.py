"""Processes that share a training stay equal to the bit, and take the steps that one alone would take."""

import json
from pathlib import Path

import pytest
from safetensors.torch import load_file

from inc_mlflow.files import sha256_file
from inc_mlflow.sources.pytorch.changed import WEIGHTS
from inc_mlflow.training.launch.here import LaunchHere
from inc_mlflow.training.launch.launcher import Program
from inc_mlflow.training.module import session
from inc_mlflow.training.rows import Order
from tests.support.shared_program import CASES, train


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    """The folders of two processes that have shared the trainings."""
    folder = tmp_path_factory.mktemp("shared")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", str(Path(__file__).parents[2]))
        ended = LaunchHere().run(Program("tests.support.shared_program", str(folder)), 2)
    assert ended.well, ended.story
    return folder / "0", folder / "1"


@pytest.mark.parametrize("case", CASES)
def test_all_processes_end_with_the_same_bytes(shared, case):
    first, second = (sha256_file(folder / case / "made" / WEIGHTS) for folder in shared)
    assert first == second


def test_the_first_one_alone_keeps_checkpoints(shared):
    kept = [sorted(one.name for one in (folder / "channels" / "state").iterdir()) for folder in shared]
    assert kept == [["0", "1", "2", "checkpoint.pt"], []]


def test_they_take_the_very_steps_that_one_takes_with_the_parts_one_by_one(shared, tmp_path, monkeypatch):
    monkeypatch.setattr(session, "Order", lambda *given: Order(*given[:4], shares=2))
    train("blocks", tmp_path / "alone")
    assert sha256_file(tmp_path / "alone" / "made" / WEIGHTS) == sha256_file(
        shared[0] / "blocks" / "made" / WEIGHTS
    )


def test_one_process_with_whole_batches_differs_by_rounding_alone(shared, tmp_path):
    train("blocks", tmp_path / "alone")
    one, other = (
        load_file(folder / "made" / WEIGHTS) for folder in (tmp_path / "alone", shared[0] / "blocks")
    )
    assert max(float((one[name] - other[name]).abs().max()) for name in one) < 1e-3


def test_another_state_in_one_of_them_is_said_in_one_line(shared):
    for folder in shared:
        found = json.loads((folder / "found.json").read_text())
        assert found["told"][0] == ""
        assert found["told"][1].startswith(
            "training: behind step 5 process 1 has another state than process 0;"
        )


def test_an_unused_tensor_does_not_move_and_a_loss_that_is_no_number_is_one_for_all(shared):
    for folder in shared:
        found = json.loads((folder / "found.json").read_text())
        assert (found["gradients"], found["loss"]) == ([False, True], "nan")
