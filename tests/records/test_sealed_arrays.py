"""Raw measurements that something else wrote: whatever the bytes are, reading them is one line and no
traceback."""

import io
import zipfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from inc_mlflow.errors import DataError
from inc_mlflow.files import sha256_file
from inc_mlflow.records import CalibrationRecord
from inc_mlflow.records.sealed_arrays import load_raw, save_raw, unpacked_bytes

RECORD = CalibrationRecord(model_sha256="m", ranges_sha256=None, tensors=1, rows=1)
ARRAYS = {"baseline": np.arange(50.0), "int8": np.ones(50)}


@pytest.fixture
def file(tmp_path):
    return tmp_path / "raw.npz"


def load(path: Path):
    """Read a file whose digest its writer put into the record, as a forger does."""
    return load_raw(path, RECORD, sha256_file(path))


def npy(array) -> bytes:
    kept = io.BytesIO()
    np.save(kept, array)
    return kept.getvalue()


def header(shape) -> bytes:
    """An array that has no values."""
    kept = io.BytesIO()
    np.lib.format.write_array_header_1_0(kept, {"descr": "<f8", "fortran_order": False, "shape": shape})
    return kept.getvalue()


def pack(path: Path, members: dict[str, bytes]) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(f"{name}.npy", content)


SEALED = {"seal": npy(np.array(RECORD.seal())), "names": npy(np.array(["baseline"]))}


@pytest.mark.parametrize(
    "members",
    [
        {},
        {"seal": SEALED["seal"]},
        SEALED,
        SEALED | {"names": npy(np.array("baseline"))},
        SEALED | {"0": b"no array"},
        SEALED | {"0": header((10**12,))},
        SEALED | {"0": header((10**30,))},
        SEALED | {"0": header((100,))},
        SEALED | {"0": header((-1, -1))},
        SEALED | {"0": b"\x93NUMPY\x01\x00\x20\x00" + b"{'descr': '<f8', 'shape': (\"\"\"".ljust(32)},
        SEALED | {"0": b"\x93NUMPY\x01\x00\x20\x00" + b"(" * 32},
    ],
    ids=[
        *(
            "nothing",
            "no names",
            "no array",
            "one name",
            "no npy",
            "more than memory",
            "more than int64",
            "cut off",
        ),
        *("less than nothing", "no end of a text", "no end of brackets"),
    ],
)
def test_an_archive_of_something_else_is_refused(file, members):
    pack(file, members)
    with pytest.raises(DataError, match=r"raw\.npz: missing, or not what inc-mlflow writes; measure again$"):
        load(file)


def test_pickles_are_not_loaded(file):
    np.savez(
        file, seal=np.array(RECORD.seal()), names=np.array(["baseline"]), **{"0": np.array([{}], object)}
    )
    with pytest.raises(DataError, match="not what inc-mlflow writes"):
        load(file)


def test_another_packing_is_refused(file):
    save_raw(file, RECORD, ARRAYS)
    with zipfile.ZipFile(file) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(file, "w", zipfile.ZIP_LZMA) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    with pytest.raises(DataError, match="not what inc-mlflow writes"):
        load(file)


@given(st.binary(max_size=200), st.integers(min_value=0, max_value=10_000))
def test_other_bytes_anywhere_are_refused_or_change_nothing(tmp_path_factory, noise, place):
    file = tmp_path_factory.getbasetemp() / "noise.npz"
    save_raw(file, RECORD, ARRAYS)
    whole = file.read_bytes()
    start = place % len(whole)
    file.write_bytes(whole[:start] + noise + whole[start + len(noise) :])
    try:
        read = load(file)
    except DataError:
        return
    assert all(np.array_equal(read[name], array) for name, array in ARRAYS.items())


def test_the_size_is_told_without_unpacking(file):
    pack(file, {"seal": bytes(1 << 24)})
    assert file.stat().st_size < 1 << 16
    assert unpacked_bytes(file) == 1 << 24
    file.write_bytes(b"")
    with pytest.raises(DataError, match="not what inc-mlflow writes"):
        unpacked_bytes(file)
