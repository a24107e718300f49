"""OpenVINO as an engine. Each method imports OpenVINO itself, so this module is light."""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

from inc_mlflow.engines.engine import Calibrator, Imported, Interface, LoadedModel, RunSettings, SearchSpace
from inc_mlflow.engines.openvino.analysis import OpenVinoAnalysis
from inc_mlflow.engines.openvino.graph import graph_engine, graph_path
from inc_mlflow.engines.row_axes import RowAxes
from inc_mlflow.errors import HardwareError, ModelError
from inc_mlflow.files import model_sha256
from inc_mlflow.spec import Device

_MODEL = "model.openvino"
_QUANTISING = "FakeQuantize"


class OpenVino:
    """Runs IR, and takes what the default engine takes."""

    name = "openvino"
    model_name = _MODEL
    flavor = "files"
    devices: Mapping[str, Device] = {}
    analysis = OpenVinoAnalysis()
    emulation = None
    parts = None
    trainable = None

    @property
    def calibrator(self) -> Calibrator:
        """Collects the statistics of a baseline's graph."""
        from inc_mlflow.engines.openvino.calibration import GraphCalibrator

        return GraphCalibrator()

    @property
    def rewrites(self) -> tuple[str, ...]:
        """Those of the graph."""
        return graph_engine().rewrites

    def check_source(self, path: str) -> None:
        """Raise ValueError where the name is not that of an ONNX file, or of a model of ours."""
        if not path.endswith((".onnx", _MODEL)):
            raise ValueError(
                f"{path!r} is not an .onnx file; give one, or a model of a kind that `list sources` names"
            )

    def source_files(self, source: Path) -> list[Path]:
        """Return the ONNX file and those of its weights; raise ModelError where one cannot be read."""
        if source.is_dir():
            raise ModelError(f"{source}: is a model of OpenVINO, which is no source; give its ONNX file")
        return graph_engine().source_files(source)

    def interface(self, model: Path) -> Interface:
        """Return inputs and outputs; names of axes are lost in an IR."""
        from inc_mlflow.engines.openvino.runtime import interface

        return interface(model)

    def int8_operators(self, model: Path) -> Mapping[str, int]:
        """Count the operators that quantise."""
        if not model.is_dir():
            return graph_engine().int8_operators(model)
        from inc_mlflow.engines.openvino.model_folder import read_ir

        counts = Counter(one.get_type_name() for one in read_ir(model)[0].get_ops())
        return {_QUANTISING: counts[_QUANTISING]} if counts[_QUANTISING] else {}

    def import_source(
        self, source: Path, folder: Path, without: Collection[str] = (), axes: RowAxes | None = None
    ) -> Imported:
        """Write the baseline, and beside it the graph that the default engine imports.

        Raises ModelError where either cannot convert the source.
        """
        from inc_mlflow.engines.openvino.conversion import convert

        graph = graph_path(folder)
        graph.parent.mkdir(exist_ok=True)
        made = graph_engine().import_source(source, graph.parent, without, axes)
        convert(graph, folder / _MODEL, axes, "f32", model_sha256(graph))
        return made

    def load(self, model: Path, settings: RunSettings) -> LoadedModel:
        """Load a model, or an ONNX file as it is, with kernels of the model's precision.

        Raises ModelError where the model cannot be loaded, or the CPU has no instructions for its precision,
        HardwareError for another device than the CPU.
        """
        if settings.device != "cpu":
            raise HardwareError(f"provider: openvino runs on CPUs here, not on {settings.device}")
        from inc_mlflow.engines.openvino.runtime import LoadedIr

        return LoadedIr(model, settings)

    def describe(self, cpus: Sequence[int], device: Device) -> dict[str, int | str | bool]:
        """Return the settings that all models have, under OpenVINO's names; precision is the model's."""
        from inc_mlflow.engines.openvino.settings import settings

        return settings(max(1, len(cpus)))

    def space(self, baseline: Path) -> SearchSpace | None:
        """Return the static recipes of the graph."""
        from inc_mlflow.engines.openvino.space import space_of

        return space_of(baseline)


ENGINE = OpenVino()
