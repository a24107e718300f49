"""A model of OpenVINO on disk: a folder with its IR, which says of itself how it is to be run."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Self

import openvino

from inc_mlflow.engines.openvino.complaint import complaint
from inc_mlflow.engines.row_axes import RowAxes
from inc_mlflow.errors import ModelError
from inc_mlflow.files import canonical_json

XML, BIN = "model.xml", "model.bin"
FloatType = Literal["f32", "bf16"]
_ABOUT = ["inc_mlflow", "about"]
_PRECISIONS: dict[str, FloatType] = {"f32": "f32", "bf16": "bf16"}


@dataclass(frozen=True)
class About:
    """What an IR cannot say itself. It stands in its ``rt_info``."""

    precision: FloatType
    """In what floating-point operators compute: OpenVINO's own choice depends on the CPU."""
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    """Names in the order of the model; an output of an IR may have several."""
    axes: RowAxes | None
    """None where the shapes of the source do not tell."""
    graph_sha256: str | None
    """Digest of the ONNX graph that a baseline was made of; None of a candidate."""

    def to_text(self) -> str:
        """Return it as JSON; equal facts give equal text."""
        axes = None if self.axes is None else self.axes.to_text()
        return canonical_json(
            {
                "axes": axes,
                "graph": self.graph_sha256,
                "inputs": self.inputs,
                "outputs": self.outputs,
                "precision": self.precision,
            }
        )

    @classmethod
    def from_text(cls, text: str) -> Self:
        """Read what ``to_text`` wrote; raise ValueError, TypeError or KeyError for anything else."""
        found = json.loads(text)
        axes = None if found["axes"] is None else RowAxes.from_text(found["axes"])
        inputs, outputs = (tuple(map(str, found[key])) for key in ("inputs", "outputs"))
        return cls(_PRECISIONS[found["precision"]], inputs, outputs, axes, found["graph"])


def read_ir(folder: Path) -> tuple[openvino.Model, About]:
    """Read a model that ``write_ir`` wrote; raise ModelError for anything else."""
    xml = folder / XML
    if not (xml.is_file() and (folder / BIN).is_file()):
        raise ModelError(f"{folder}: is no model of OpenVINO ({XML} and {BIN}); import or quantise again")
    model = read_file(xml, folder)
    try:
        return model, About.from_text(str(model.get_rt_info(_ABOUT).value))
    except (RuntimeError, ValueError, TypeError, KeyError) as error:
        raise ModelError(
            f"{folder}: does not say how inc-mlflow runs it; give a model that inc-mlflow made"
        ) from error


def read_file(file: Path, named: Path) -> openvino.Model:
    """Read an ONNX file or an IR; raise ModelError, which calls it ``named``."""
    try:
        return openvino.Core().read_model(str(file))
    except RuntimeError as error:
        raise ModelError(
            f"{named}: openvino cannot read it: {complaint(error)}; leave the engine out", str(error)
        ) from error


def write_ir(model: openvino.Model, about: About, folder: Path) -> None:
    """Write a model with its weights as they are; an equal model gives equal bytes.

    OpenVINO numbers the operators that it makes up through the life of a process: they get other names.
    """
    model.set_rt_info(about.to_text(), _ABOUT)
    made_up = 0
    for operator in model.get_ordered_ops():
        kind, _, number = operator.get_friendly_name().rpartition("_")
        if kind == operator.get_type_name() and number.isdigit():
            operator.set_friendly_name(f"{kind}.{made_up}")
            made_up += 1
    folder.mkdir(parents=True, exist_ok=True)
    openvino.save_model(model, folder / XML, compress_to_fp16=False)
