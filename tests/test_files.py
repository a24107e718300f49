import errno
import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inc_mlflow.errors import StateError
from inc_mlflow.files import (
    canonical_json,
    copy_model,
    external_data,
    model_bytes,
    model_sha256,
    sealed,
    sha256_file,
    sha256_text,
    unsealed,
    writable,
    write_text,
)

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=10,
)


@given(st.dictionaries(st.text(), JSON), st.randoms())
def test_equal_values_give_equal_canonical_text(value, random):
    keys = list(value)
    random.shuffle(keys)
    assert canonical_json({key: value[key] for key in keys}) == canonical_json(value)


@pytest.mark.parametrize("number", [float("nan"), float("inf")])
def test_canonical_text_has_no_nan_or_infinity(number):
    with pytest.raises(ValueError, match="not JSON compliant"):
        canonical_json({"a": number})


def test_a_written_file_is_whole_and_leaves_nothing_beside_it(tmp_path):
    path = tmp_path / "new" / "deep" / "a.json"
    write_text(path, "erste")
    write_text(path, "zweite Fassung: ü")
    assert path.read_text(encoding="utf-8") == "zweite Fassung: ü"
    assert list(path.parent.iterdir()) == [path]
    assert sha256_file(path) == sha256_text("zweite Fassung: ü")


def test_a_write_that_is_interrupted_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "a.json"
    write_text(path, "old")

    def killed(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("pathlib.Path.replace", killed)
    with pytest.raises(KeyboardInterrupt):
        write_text(path, "new and longer")
    assert path.read_text() == "old"


@pytest.mark.parametrize("below", ["x", "x/y/z"])
def test_a_path_below_a_regular_file_is_refused_in_one_line(tmp_path, below):
    (tmp_path / "file").write_text("")
    path = tmp_path / "file" / below
    with pytest.raises(StateError) as raised:
        write_text(path, "text")
    assert str(raised.value).startswith(f"{path}: cannot be written (")
    assert str(raised.value).endswith("); choose a writable directory")


@pytest.mark.parametrize("code", [errno.EACCES, errno.EROFS, errno.EPERM])
def test_what_cannot_be_written_says_why(tmp_path, code):
    with pytest.raises(StateError) as raised, writable(tmp_path):
        raise OSError(code, os.strerror(code))
    assert (
        str(raised.value)
        == f"{tmp_path}: cannot be written ({os.strerror(code)}); choose a writable directory"
    )


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT])
def test_a_full_disk_says_that_finished_steps_are_kept(tmp_path, code):
    with (
        pytest.raises(
            StateError, match=r"the disk is full; free some space and run again, finished steps are kept$"
        ),
        writable(tmp_path),
    ):
        raise OSError(code, "full")


def test_any_other_system_error_is_a_bug_and_keeps_its_traceback(tmp_path):
    with pytest.raises(OSError, match="Input/output error"), writable(tmp_path):
        raise OSError(errno.EIO, "Input/output error")


def test_the_digest_of_a_model_covers_its_external_data(tmp_path):
    model = tmp_path / "model.onnx"
    model.write_bytes(b"graph")
    alone = model_sha256(model)
    assert alone == sha256_file(model)
    assert model_bytes(model) == 5
    external_data(model).write_bytes(b"weights")
    joined = model_sha256(model)
    external_data(model).write_bytes(b"weightz")
    assert len({alone, joined, model_sha256(model)}) == 3
    assert model_bytes(model) == 12


def test_a_copied_model_brings_its_external_data_under_the_name_the_file_refers_to(tmp_path):
    source, target = tmp_path / "model.onnx", tmp_path / "out" / "small.onnx"
    source.write_bytes(b"graph")
    external_data(source).write_bytes(b"weights")
    copy_model(source, target)
    assert target.read_bytes() == b"graph"
    assert (target.parent / "model.onnx.data").read_bytes() == b"weights"


@given(st.dictionaries(st.text(), JSON), st.data())
def test_sealed_data_is_read_back_and_any_changed_byte_is_noticed(value, data):
    text = sealed(value).encode()
    assert unsealed(text) == value
    place, bit = data.draw(st.integers(0, len(text) - 1)), data.draw(st.integers(0, 7))
    changed = text[:place] + bytes([text[place] ^ 1 << bit]) + text[place + 1 :]
    assert unsealed(changed) in (None, value)
    assert unsealed(text[: data.draw(st.integers(0, len(text) - 1))]) is None
