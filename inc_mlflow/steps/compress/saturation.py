"""saturation: which layers of a quantised model lose accuracy on x86 CPUs without VNNI."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from inc_mlflow.arrays import Arrays
from inc_mlflow.errors import ModelError, SpecError
from inc_mlflow.files import write_text
from inc_mlflow.hardware.probe import usable_cores
from inc_mlflow.records import SaturationReport
from inc_mlflow.registry.engines import ENGINES
from inc_mlflow.reports.saturation import saturation_markdown
from inc_mlflow.spec import Job
from inc_mlflow.steps.baselines import engine_taking
from inc_mlflow.steps.data import open_data
from inc_mlflow.steps.standalone.npz_rows import npz_rows

SATURATION = "saturation.json"
"""Name of the report's file beside a candidate."""


def saturation_report(engine: str, model: Path, rows: Iterable[Arrays]) -> None:
    """Predict on the first rows and write the report beside the model, if its engine has an analysis."""
    if (analysis := ENGINES.get(engine).analysis) is not None:
        report = analysis.saturation(model, rows, len(usable_cores()), None)
        write_text(model.with_name(SATURATION), report.model_dump_json(indent=1))


def saturation_texts(models: Mapping[str, Path]) -> dict[str, dict[str, str]]:
    """Return by sha256 of the model the reports beside candidates, for people and for programs."""
    files = {sha256: model.with_name(SATURATION) for sha256, model in models.items()}
    texts = {sha256: file.read_text() for sha256, file in files.items() if file.exists()}
    return {
        sha256: {
            "saturation.md": saturation_markdown(SaturationReport.model_validate_json(text)),
            SATURATION: text,
        }
        for sha256, text in texts.items()
    }


def saturation_of(model: Path, data: Path | None, job: Path | None, samples: int) -> dict[str, Any]:
    """Return as plain data the report of a quantised model, on rows of an .npz or a calibration split.

    Raises ModelError where the model has no layer with 8-bit weights, or its engine has no analysis.
    """
    analysis = engine_taking(model, list(ENGINES)).analysis
    if analysis is None:
        raise ModelError(f"{model}: its engine does not tell where layers saturate; give an .onnx")
    report = analysis.saturation(model, _rows(model, data, job, samples), len(usable_cores()), samples)
    if not report.layers:
        raise ModelError(
            f"{model}: no layer has 8-bit weights; give a quantised model, as `inc-mlflow quantize` writes"
        )
    return {"model": str(model)} | report.model_dump(mode="json")


def _rows(model: Path, data: Path | None, job: Path | None, samples: int) -> Iterable[Arrays]:
    if data is not None and job is None:
        return npz_rows(model, data, samples)
    if job is not None and data is None:
        split = open_data(Job.load(job)).rows("calibration", size=1)
        return (inputs for inputs, *_ in split)
    raise SpecError(
        "--data, --job: give one of them: an .npz with an array per input, or a job with a calibration split"
    )
