"""Image folders: one folder per class, classes numbered in the order of their names."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image, UnidentifiedImageError

from inc_mlflow.datasets.source import Batch, Source
from inc_mlflow.errors import DataError
from inc_mlflow.records import TensorSpec
from inc_mlflow.spec import FileSplit, Transform

SUFFIXES = {".bmp", ".jpeg", ".jpg", ".png", ".webp"}


def read(split: FileSplit, root: Path, where: str, inputs: tuple[TensorSpec, ...]) -> Source:
    """List a folder of class folders; images are decoded when they are asked for."""
    if len(inputs) != 1:
        raise DataError(f"{where}: images feed one input, the model has {len(inputs)}; use a data callable")
    classes = _classes(root / split.path, where)
    files = [(file, number) for number, folder in enumerate(classes) for file in _images(folder)]

    def rows_at(positions: Sequence[int]) -> Batch:
        arrays = [to_array(files[position][0], split.transform, where) for position in positions]
        if len({array.shape for array in arrays}) > 1:
            raise DataError(f"{where}: images of different size in one batch; add transform: {{resize: …, crop: …}}")
        return {inputs[0].name: np.stack(arrays)}, np.array([files[position][1] for position in positions])

    return Source(len(files), rows_at)


def to_array(file: Path, transform: Transform, where: str) -> np.ndarray:
    """Decode one image: values in 0..1 float32, less mean over std where given, axes as ``layout`` says."""
    try:
        with Image.open(file) as opened:
            image = opened.convert("L" if transform.color == "L" else "RGB")
    except (UnidentifiedImageError, OSError) as error:
        raise DataError(f"{where}: {file} cannot be decoded; remove or replace it") from error
    array = np.asarray(_sized(image, transform, where), np.float32) / 255
    array = array[..., None] if array.ndim == 2 else array
    array = array[..., ::-1] if transform.color == "BGR" else array
    if transform.mean is not None and transform.std is not None:
        array = (array - _channels(transform.mean, array, where)) / _channels(transform.std, array, where)
    return np.ascontiguousarray(array.transpose(2, 0, 1) if transform.layout == "NCHW" else array)


def _sized(image: Image.Image, transform: Transform, where: str) -> Image.Image:
    """Resize the shorter side, then cut the centre square: what ImageNet evaluation means by resize and crop."""
    if transform.resize is not None:
        scale = transform.resize / min(image.size)
        size = (max(1, round(image.width * scale)), max(1, round(image.height * scale)))
        image = image.resize(size, Image.Resampling.BILINEAR)
    if transform.crop is not None:
        if transform.crop > min(image.size):
            raise DataError(f"{where}.transform.crop: {transform.crop} is larger than an image of {image.size}; resize first")
        left, top = (image.width - transform.crop) // 2, (image.height - transform.crop) // 2
        image = image.crop((left, top, left + transform.crop, top + transform.crop))
    return image


def _channels(values: tuple[float, ...], array: np.ndarray, where: str) -> np.ndarray:
    if len(values) not in {1, array.shape[-1]}:
        raise DataError(f"{where}.transform: {len(values)} values of mean or std for {array.shape[-1]} channels")
    return np.asarray(values, np.float32)


def _classes(folder: Path, where: str) -> list[Path]:
    if not folder.is_dir():
        raise DataError(f"{where}: no folder {folder}; give a folder with one folder per class")
    classes = sorted(path for path in folder.iterdir() if path.is_dir() and not path.name.startswith("."))
    if not classes:
        raise DataError(f"{where}: {folder} has no class folders; put the images of each class into one")
    return classes


def _images(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if path.suffix.lower() in SUFFIXES)
