"""Texts that a few lines of could fill the memory, or take for ever: each is refused at once, in one line."""

import json
import time

import pytest

from inc_mlflow.errors import SpecError
from inc_mlflow.spec import Job, JobSpec
from inc_mlflow.spec.text import LARGEST, read_json, read_mapping

NAMES = "abcdefghi"


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("a: &a [1]\nb: *a\n", "line 2: *a"),
        ("a: &a {x: 1}\nb:\n  <<: *a\n", "line 3: *a"),
        ("a:\n  <<: {x: 1}\n", "line 2: <<"),
        ("a: &a [*a]\n", "line 1: *a"),
    ],
)
def test_what_refers_to_another_part_is_refused(text, what):
    with pytest.raises(SpecError) as refusal:
        read_mapping(text)
    assert (
        str(refusal.value)
        == f"job: {what} refers to another part; aliases and merge keys are not read, write it out"
    )


def test_a_bomb_of_aliases_is_refused_before_anything_is_built():
    text = "".join(
        f"{one}: &{one} [{','.join(['x' if one == 'a' else f'*{chr(ord(one) - 1)}'] * 9)}]\n" for one in NAMES
    )
    start = time.process_time()
    with pytest.raises(SpecError, match=r"line 2: .a refers to another part"):
        read_mapping(text, "MLmodel")
    assert time.process_time() - start < 0.5


@pytest.mark.parametrize("text", ["a: \0", "a: \x1b", "a: [", "a: \t@", "? [1]\n: 2"])
def test_what_is_no_yaml_is_told_in_one_line(text):
    with pytest.raises(SpecError, match=r"^job: not YAML: ") as refusal:
        read_mapping(text)
    assert str(refusal.value).isprintable()


def test_an_anchor_alone_is_harmless():
    assert read_mapping("a: &a [1]\nb: 1e-05\n") == {"a": [1], "b": "1e-05"}


def test_many_keys_take_time_in_proportion():
    """Sixty thousand took half a minute when each was looked for among all."""
    keys = {f"k{number}": number for number in range(60_000)}
    start = time.process_time()
    assert read_json(json.dumps(keys)) == keys
    assert time.process_time() - start < 2


@pytest.mark.parametrize("read", [read_json, read_mapping])
def test_a_text_that_is_too_long_is_refused(read):
    with pytest.raises(SpecError, match=f"^policy: longer than {LARGEST} characters"):
        read(" " * (LARGEST + 1), "policy")


@pytest.mark.parametrize("read", [read_json, read_mapping])
def test_keys_that_stand_twice_are_refused(read):
    with pytest.raises(SpecError, match=r"^policy: 'a' stands twice; keep one$"):
        read('{"a": 1, "a": 2}', "policy")


@pytest.mark.parametrize("text", ["version: 1", "{version: 1}", "", "{'version': 1}"])
def test_what_was_written_as_json_is_not_read_as_yaml(text):
    with pytest.raises(SpecError, match=r"^job: not JSON \(.*\); run the job again$"):
        JobSpec.from_json(text)


def test_a_job_file_that_is_too_large_is_not_read_to_its_end(tmp_path):
    with (tmp_path / "job.yaml").open("wb") as file:
        file.truncate(1 << 40)
    with pytest.raises(SpecError, match=r"job\.yaml: job: longer than"):
        Job.load(tmp_path / "job.yaml")
