"""Statistics of a model of parts: those of each part, on what it is called with."""

import tempfile
import zipfile
from collections.abc import Collection, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Self

import numpy as np

from inc_mlflow.arrays import Arrays
from inc_mlflow.engines.engine import Calibrator, Engine, RunSettings, Statistics
from inc_mlflow.engines.fixed_batch import row_count
from inc_mlflow.engines.parts.folder import PartsModel
from inc_mlflow.engines.parts.pipeline import calls_of, load_pipeline
from inc_mlflow.errors import ModelError, StateError
from inc_mlflow.files import model_sha256, unsealed
from inc_mlflow.files import sealed as sealed_text

_ABOUT = "about.json"
_EPOCH = (1980, 1, 1, 0, 0, 0)
"""The time of all entries, so that equal statistics give equal bytes."""


class PartsStatistics:
    """The statistics of each part, by name."""

    def __init__(self, model_sha256: str, rows: int, parts: Mapping[str, Statistics]) -> None:
        self.model_sha256, self.rows, self.parts = model_sha256, rows, parts

    def __len__(self) -> int:
        return sum(map(len, self.parts.values()))

    def merge(self, other: Self) -> Self:
        """Return the statistics of both passes; raise ModelError where they are of different models."""
        if self.model_sha256 != other.model_sha256:
            raise ModelError("statistics of different models cannot be merged; calibrate again")
        parts = {name: one.merge(other.parts[name]) for name, one in self.parts.items()}
        return type(self)(self.model_sha256, self.rows + other.rows, parts)

    def save(self, path: Path) -> None:
        """Write an archive with one file per part."""
        with tempfile.TemporaryDirectory() as folder, zipfile.ZipFile(path, "w") as archive:
            about = {"model_sha256": self.model_sha256, "rows": self.rows, "parts": sorted(self.parts)}
            archive.writestr(zipfile.ZipInfo(_ABOUT, _EPOCH), sealed_text(about))
            for name, one in sorted(self.parts.items()):
                file = Path(folder) / name
                one.save(file)
                archive.writestr(
                    zipfile.ZipInfo(name, _EPOCH), file.read_bytes(), zipfile.ZIP_DEFLATED, compresslevel=1
                )


class PartsCalibrator:
    """Runs the pipeline on the baseline's parts, and collects each part's statistics on its calls."""

    file = "parts.zip"

    def __init__(self, engine: Engine, calibrator: Calibrator) -> None:
        self._engine, self._calibrator = engine, calibrator
        self.kinds = calibrator.kinds

    def collect(
        self, model: Path, batches: Iterable[Arrays], kinds: Collection[str], threads: int
    ) -> PartsStatistics:
        """Run the batches once per part; they wait on disk, since ``batches`` may be read only once.

        Raises ModelError where the model does not run, or calls a part on none of the rows.
        """
        opened = PartsModel.open(model)
        pipeline = load_pipeline(opened, self._engine, RunSettings(threads=threads))
        with tempfile.TemporaryDirectory() as folder:
            files, rows = _kept(batches, Path(folder))
            parts = {}
            for name, part in opened.parts.items():
                calls = _Counted(calls_of(pipeline, map(_read, files), name))
                parts[name] = self._calibrator.collect(part, calls, kinds, threads)
                if files and not calls.count:
                    raise ModelError(
                        f"model.pipeline: calls the part {name!r} on none of the calibration rows; "
                        "give rows that need it, or leave the part out"
                    )
        return PartsStatistics(model_sha256(model), rows, parts)

    def load(self, path: Path) -> PartsStatistics:
        """Read what ``save`` wrote; raise StateError for any other file."""
        try:
            with tempfile.TemporaryDirectory() as folder, zipfile.ZipFile(path) as archive:
                about = unsealed(archive.read(_ABOUT)) or {}
                parts = {}
                for name in about["parts"]:
                    file = Path(folder) / name
                    file.write_bytes(archive.read(name))
                    parts[name] = self._calibrator.load(file)
        except (OSError, KeyError, zipfile.BadZipFile) as error:
            raise StateError(f"{path}: holds no statistics of parts; calibrate again") from error
        return PartsStatistics(about["model_sha256"], about["rows"], parts)


class _Counted:
    """Batches that count themselves."""

    def __init__(self, batches: Iterator[Arrays]) -> None:
        self._batches, self.count = batches, 0

    def __iter__(self) -> Iterator[Arrays]:
        for batch in self._batches:
            self.count += 1
            yield batch


def _kept(batches: Iterable[Arrays], folder: Path) -> tuple[list[Path], int]:
    """Write batches to files; return these and the number of rows."""
    files, rows = [], 0
    for index, batch in enumerate(batches):
        file = folder / f"{index}.npz"
        # Files in an archive may not have all names that inputs have.
        np.savez(file, names=np.array(list(batch), np.str_), **dict(_numbered(batch)))  # type: ignore[arg-type]
        files.append(file)
        rows += row_count(batch)
    return files, rows


def _numbered(batch: Arrays) -> Iterator[tuple[str, np.ndarray]]:
    return ((str(index), array) for index, array in enumerate(batch.values()))


def _read(file: Path) -> Arrays:
    with np.load(file, allow_pickle=False) as archive:
        return {str(name): archive[str(index)] for index, name in enumerate(archive["names"])}
