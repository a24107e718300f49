"""Archives of arrays that are not what they say; and arrays that nobody asks for."""

import io
import os
import struct
import tracemalloc
import zipfile

import numpy as np
import pytest

from inc_mlflow.archive import Archive
from inc_mlflow.datasets import npz
from inc_mlflow.datasets.splits import SplitReader
from inc_mlflow.errors import DataError
from inc_mlflow.records import TensorSpec
from inc_mlflow.spec import FileSplit

INPUTS = (TensorSpec(name="x", dtype="float32", shape=(None, 4)),)


def member(head=None, content=b"", version=1):
    """An array whose head says what it is told to."""
    text = repr(head).encode() if not isinstance(head, bytes) else head
    return b"\x93NUMPY" + bytes([version, 0]) + struct.pack("<H", len(text)) + text + content


def written(folder, **members):
    with zipfile.ZipFile(folder / "a.npz", "w") as archive:
        for name, content in members.items():
            archive.writestr(f"{name}.npy", content)
    return folder / "a.npz"


def says(shape, descr="<f4"):
    return member({"descr": descr, "fortran_order": False, "shape": shape}, b"\0" * 64)


def refused(path):
    with pytest.raises(DataError) as raised:
        Archive(path, "data.tuning").array("x")
    assert str(raised.value).startswith(f"data.tuning: {path} ")
    assert "\n" not in str(raised.value)
    return str(raised.value)


@pytest.mark.parametrize(
    "content",
    [
        says((10**6, 10**6)),
        says((-1, 4)),
        says((10**30,)),
        says((4,), "<U99999999"),
        says((4,), "|O"),
        says((4,), "nonsense"),
        member(b"{'descr': (((("),
        member(b"("),
        member(b"\xff\xfe"),
        member({"descr": "<f4"}),
        says((4, 4))[:-1],
        member({}, version=9),
        b"no array",
        b"",
    ],
)
def test_an_array_that_is_not_what_its_head_says_is_refused_by_name(tmp_path, content):
    assert "is no .npz of plain arrays ('x': " in refused(written(tmp_path, x=content))


@pytest.mark.parametrize(
    ("flag", "method", "holds"), [(1, 0, "it is encrypted"), (0, 93, "packed by method 93"), (32, 0, "")]
)
def test_a_member_that_cannot_be_unpacked_here_is_refused(tmp_path, flag, method, holds):
    path = written(tmp_path, x=says((4, 4)))
    content = bytearray(path.read_bytes())
    at = content.find(b"PK\x01\x02")
    content[at + 8 : at + 12] = struct.pack("<HH", flag, method)
    path.write_bytes(content)
    assert holds in refused(path)


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_two_arrays_of_one_name_are_refused(tmp_path):
    with zipfile.ZipFile(tmp_path / "a.npz", "w") as archive:
        archive.writestr("x.npy", says((4, 4)))
        archive.writestr("x.npy", says((4, 4)))
    assert "a name stands twice in it" in refused(tmp_path / "a.npz")


def test_an_array_that_memory_cannot_hold_is_refused_before_it_is_unpacked(tmp_path, monkeypatch):
    monkeypatch.setattr("inc_mlflow.archive.free_bytes", lambda: 63)
    with pytest.raises(DataError, match=r"'x' takes 0\.0 GB, and 0\.0 GB of memory are left; split the file"):
        Archive(written(tmp_path, x=says((4, 4))), "data.tuning").array("x")


def test_a_pipe_is_refused_and_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "a.npz")
    assert "it is no regular file" in refused(tmp_path / "a.npz")


def test_a_path_that_the_system_refuses_to_look_at_is_one_line(tmp_path):
    split = FileSplit(path="a").model_copy(update={"path": "x" * 300})
    with pytest.raises(
        DataError, match=r"^data\.tuning: .*x cannot be read \(File name too long\); give a path that can$"
    ):
        SplitReader("tuning", split, tmp_path, INPUTS).count()


def test_any_order_of_bytes_and_axes_is_read(tmp_path):
    values = np.arange(12, dtype=">f8").reshape(3, 4)
    np.savez_compressed(tmp_path / "a.npz", x=np.asfortranarray(values))
    assert Archive(tmp_path / "a.npz", "").array("x").tolist() == values.tolist()


def test_what_no_input_and_no_label_needs_is_not_unpacked(tmp_path):
    np.savez_compressed(
        tmp_path / "a.npz", x=np.zeros((5, 4), np.float32), label=np.arange(5), unused=np.zeros(8_000_000)
    )
    tracemalloc.start()
    source = npz.read(FileSplit(path="a.npz"), tmp_path, "data.tuning", INPUTS)
    inputs, labels = source.read([1, 3])
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert (source.rows, inputs["x"].shape, labels.tolist()) == (5, (2, 4), [1, 3])
    assert peak < 4_000_000


def test_rows_are_counted_without_unpacking_any(tmp_path, monkeypatch):
    np.savez_compressed(tmp_path / "a.npz", x=np.zeros((5, 4), np.float32))
    monkeypatch.setattr(Archive, "array", lambda *_: pytest.fail("unpacked"))
    assert npz.read(FileSplit(path="a.npz"), tmp_path, "data.tuning", INPUTS).rows == 5


def test_an_archive_of_hundreds_of_arrays_is_listed_in_part(tmp_path):
    file = io.BytesIO()
    np.savez(file, **{f"a{number:03}": np.zeros(1) for number in range(300)})
    (tmp_path / "a.npz").write_bytes(file.getvalue())
    with pytest.raises(DataError, match=r"the file has a000, a001, .*, a019 and 280 more; map it"):
        npz.read(FileSplit(path="a.npz"), tmp_path, "data.tuning", INPUTS)
