"""Image folders: one folder per class, classes numbered in the order of their names."""

import struct
import warnings
import zlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from inc_mlflow.datasets.source import Batch, Source
from inc_mlflow.errors import DataError
from inc_mlflow.files import check_regular
from inc_mlflow.records import TensorSpec
from inc_mlflow.spec import FileSplit, ImageTransform

SUFFIXES = {".bmp", ".jpeg", ".jpg", ".png", ".webp"}
FORMATS = ("BMP", "GIF", "JPEG", "PNG", "WEBP")
"""What is decoded, whatever its suffix, since real data has GIFs named .jpg.

Decoders of other formats start programs, or print.
"""
PIXELS = 89_478_485
"""Largest picture that is decoded, a quarter of a GiB in RGB. A small file can claim any size."""
_UNDECODABLE = (
    OSError,
    EOFError,
    SyntaxError,
    ArithmeticError,
    AssertionError,
    AttributeError,
    BufferError,
    LookupError,
    MemoryError,
    RuntimeError,
    TypeError,
    ValueError,
    struct.error,
    zlib.error,
    Image.DecompressionBombError,
)
"""What Pillow's decoders raise over damaged bytes: each format fails in its own way. No code of this package
runs inside the try block, so none of its bugs is hidden."""


def read(split: FileSplit, root: Path, where: str, inputs: tuple[TensorSpec, ...]) -> Source:
    """List a folder of class folders; an image is decoded when its row is read.

    Raises DataError where the folder has no classes, or the model more than one input.
    """
    if len(inputs) != 1:
        raise DataError(f"{where}: images feed one input, the model has {len(inputs)}; use a data callable")
    transform, classes = split.options(ImageTransform), _classes(root / split.path, where)
    files = [(file, number) for number, folder in enumerate(classes) for file in _images(folder, where)]

    def rows_at(positions: Sequence[int]) -> Batch:
        arrays = [to_array(files[position][0], transform, where) for position in positions]
        if len({array.shape for array in arrays}) > 1:
            raise DataError(
                f"{where}: images of different size in one batch; add transform: {{resize: …, crop: …}}"
            )
        return {inputs[0].name: np.stack(arrays)}, np.array([files[position][1] for position in positions])

    return Source(len(files), rows_at)


def to_array(file: Path, transform: ImageTransform, where: str) -> np.ndarray:
    """Decode one image to float32 in 0..1, shape (channels, height, width) or as ``layout`` says.

    Where mean and std are given, subtract the mean of each channel and divide by its std. Raises DataError
    where the image cannot be decoded or is smaller than the crop.
    """
    image = _decoded(file, "L" if transform.color == "L" else "RGB", where)
    array = np.asarray(_sized(image, transform, file, where), np.float32) / 255
    array = array[..., None] if array.ndim == 2 else array
    array = array[..., ::-1] if transform.color == "BGR" else array
    if transform.mean is not None and transform.std is not None:
        array = (array - _channels(transform.mean, array, where)) / _channels(transform.std, array, where)
    return np.ascontiguousarray(array.transpose(2, 0, 1) if transform.layout == "NCHW" else array)


def _decoded(file: Path, mode: str, where: str) -> Image.Image:
    """Decode one image; DataError names the file, whatever its decoder raises."""
    check_regular(file, where, "an image, or remove it")
    try:
        with (
            warnings.catch_warnings(action="ignore"),  # of tags that are not read here
            Image.open(file, formats=FORMATS) as opened,
        ):
            _check_pixels(opened.size, file, where)
            return opened.convert(mode)
    except _UNDECODABLE as error:
        raise DataError(f"{where}: {file} cannot be decoded; remove or replace it") from error


def _check_pixels(size: tuple[int, int], file: Path, where: str) -> None:
    if size[0] * size[1] > PIXELS:
        raise DataError(
            f"{where}: {file} would have {size[0]} x {size[1]} pixels; at most {PIXELS} are decoded, "
            "replace it"
        )


def _sized(image: Image.Image, transform: ImageTransform, file: Path, where: str) -> Image.Image:
    """Resize the shorter side, then cut the centre square, as in the evaluation of ImageNet."""
    if transform.resize is not None:
        scale = transform.resize / min(image.size)
        size = (max(1, round(image.width * scale)), max(1, round(image.height * scale)))
        _check_pixels(size, file, where)
        image = image.resize(size, Image.Resampling.BILINEAR)
    if transform.crop is not None:
        if transform.crop > min(image.size):
            raise DataError(
                f"{where}.transform.crop: {transform.crop} is larger than an image of {image.size}; "
                "resize first"
            )
        left, top = (image.width - transform.crop) // 2, (image.height - transform.crop) // 2
        image = image.crop((left, top, left + transform.crop, top + transform.crop))
    return image


def _channels(values: tuple[float, ...], array: np.ndarray, where: str) -> np.ndarray:
    if len(values) not in {1, array.shape[-1]}:
        raise DataError(
            f"{where}.transform: {len(values)} values of mean or std for {array.shape[-1]} channels"
        )
    return np.asarray(values, np.float32)


def _classes(folder: Path, where: str) -> list[Path]:
    if not folder.is_dir():
        raise DataError(f"{where}: no folder {folder}; give a folder with one folder per class")
    classes = [path for path in _entries(folder, where) if path.is_dir() and not path.name.startswith(".")]
    if not classes:
        raise DataError(f"{where}: {folder} has no class folders; put the images of each class into one")
    return classes


def _images(folder: Path, where: str) -> list[Path]:
    return [path for path in _entries(folder, where) if path.suffix.lower() in SUFFIXES]


def _entries(folder: Path, where: str) -> list[Path]:
    try:
        return sorted(folder.iterdir())
    except OSError as error:
        raise DataError(
            f"{where}: {folder} cannot be read ({error.strerror}); give a folder that can"
        ) from error
