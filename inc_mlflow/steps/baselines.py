"""The baselines of a job, one per engine, as the import step wrote them."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from inc_mlflow.engines.engine import Engine
from inc_mlflow.records import ImportRecord, baseline_label
from inc_mlflow.registry.engines import ENGINES

CONVERTED_FOLDER = "source"
"""Folder of an import step with the ONNX file that a framework's model became, or a copy of an artifact."""


@dataclass(frozen=True)
class Baseline:
    """The FP32 model of one engine."""

    engine: Engine
    label: str
    path: Path
    sha256: str


def load_baselines(directory: Path) -> dict[str, Baseline]:
    """Return the baselines in the directory of an import step, by engine, the reference first.

    Raises StateError where the directory has no readable record.
    """
    imported = ImportRecord.load(directory).baselines
    return {
        baseline.engine: Baseline(
            ENGINES.get(baseline.engine),
            baseline_label(baseline.engine if place else None),
            baseline_path(directory, baseline.engine, imported[0].engine),
            baseline.model_sha256,
        )
        for place, baseline in enumerate(imported)
    }


def converted_file(directory: Path) -> Path | None:
    """Return the source in the directory of an import step: converted, or a copy of an artifact; else None.

    Raises StateError where the directory has no readable record.
    """
    record = ImportRecord.load(directory)
    kept = record.framework_source.file if record.framework_source else record.kept_source
    return None if kept is None else directory / kept


def baseline_path(directory: Path, engine: str, reference: str) -> Path:
    """Return the path of an engine's baseline: the reference's at the top, others in their own folders."""
    return engine_folder(directory, engine, reference) / ENGINES.get(engine).model_name


def engine_folder(directory: Path, engine: str, reference: str) -> Path:
    """Return the folder in which a step keeps the files of one engine."""
    return directory if engine == reference else directory / engine


def engine_taking(model: Path, engines: Sequence[str]) -> Engine:
    """Return the first engine that takes a model file of that name; else the first of all."""
    for name in engines:
        try:
            ENGINES.get(name).check_source(str(model))
        except ValueError:
            continue
        return ENGINES.get(name)
    return ENGINES.get(engines[0])
