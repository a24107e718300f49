"""Pictures, and what stands among them, that no decoder should be given, or that it fails over."""

import io
import os
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from inc_mlflow.datasets.splits import SplitReader
from inc_mlflow.errors import DataError
from inc_mlflow.records import TensorSpec
from inc_mlflow.spec import FileSplit

INPUTS = (TensorSpec(name="image", dtype="float32", shape=(None, 3, 8, 8)),)


@pytest.fixture
def place(tmp_path):
    (tmp_path / "images" / "class").mkdir(parents=True)
    return tmp_path / "images" / "class" / "a.png"


def refused(place):
    split = FileSplit.model_validate({"path": "images", "transform": {"resize": 8, "crop": 8}})
    with pytest.raises(DataError) as raised:
        list(SplitReader("tuning", split, place.parents[2], INPUTS).batches())
    assert str(raised.value).startswith(f"data.tuning: {place} ")
    return str(raised.value)


def chunk(kind, content):
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def png(width, height, pixels=b""):
    head = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", head)
        + chunk(b"IDAT", zlib.compress(pixels))
        + chunk(b"IEND", b"")
    )


@pytest.mark.parametrize(
    ("size", "says"),
    [
        ((20_000, 5_000), "would have 20000 x 5000 pixels; at most 89478485 are decoded, replace it"),
        ((9_500, 9_500), "would have 9500 x 9500 pixels"),
        ((2**31 - 1, 2**31 - 1), "cannot be decoded"),
    ],
)
def test_a_small_file_that_claims_to_be_a_huge_picture_is_refused(place, size, says):
    place.write_bytes(png(*size))
    assert says in refused(place)


def test_a_thin_picture_that_resizing_would_make_huge_is_refused(place):
    place.write_bytes(png(1, 2_000_000, b"\0\0" * 2_000_000))
    assert "would have 8 x 16000000 pixels; at most 89478485 are decoded" in refused(place)


def test_a_pipe_is_refused_and_not_waited_for(place):
    os.mkfifo(place)
    assert "no regular file" in refused(place)


@pytest.mark.parametrize("what", ["directory", "device", "link to itself", "link to nothing"])
def test_what_is_no_file_is_refused(place, what):
    if what == "directory":
        place.mkdir()
    else:
        place.symlink_to({"device": "/dev/zero", "link to itself": place}.get(what, "gone"))
    assert "cannot be read" in refused(place)


def test_a_format_that_is_not_asked_for_is_not_decoded(place):
    """Pillow has dozens of decoders, and for EPS it starts a program."""
    place.write_bytes(b"P5 8 8 255\n" + b"\0" * 64)
    assert "cannot be decoded; remove or replace it" in refused(place)


NOISE = png(30, 30, b"".join(b"\0" + np.random.default_rng(0).bytes(30) for _ in range(30)))
BROKEN = {
    "a truncated head": png(8, 8)[:20],
    "a wrong length": NOISE[:33] + struct.pack(">I", struct.unpack(">I", NOISE[33:37])[0] - 32) + NOISE[37:],
    "no pixels": png(8, 8),
    "a checksum": png(8, 8, b"\0" * 72)[:-20] + b"x" * 20,
}


@pytest.mark.parametrize("case", BROKEN)
def test_a_broken_picture_is_one_line(place, case):
    place.write_bytes(BROKEN[case])
    assert "cannot be decoded; remove or replace it" in refused(place)


def test_a_gif_named_png_is_read(place):
    file = io.BytesIO()
    Image.fromarray(np.zeros((8, 8), np.uint8)).save(file, "GIF")
    place.write_bytes(file.getvalue())
    ((inputs, _),) = SplitReader("tuning", FileSplit(path="images"), place.parents[2], INPUTS).batches()
    assert inputs["image"].shape == (1, 3, 8, 8)
