"""Models of several graphs as an engine: another engine runs and compresses each part.

To all else such a model is one: a folder that takes rows and gives outputs.
"""

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from inc_mlflow.engines.analysis import Analysis
from inc_mlflow.engines.composed import Parts
from inc_mlflow.engines.emulating import Emulation
from inc_mlflow.engines.engine import (
    Calibrator,
    Engine,
    Imported,
    Interface,
    LoadedModel,
    RunSettings,
    SearchSpace,
)
from inc_mlflow.engines.row_axes import RowAxes
from inc_mlflow.records import TensorSpec
from inc_mlflow.registry.engines import DEFAULT_ENGINE, ENGINES, PARTS
from inc_mlflow.spec import Device

if TYPE_CHECKING:
    from inc_mlflow.engines.parts.folder import PartsModel


class PartsEngine:
    """Runs the user's function; ``of`` is the name of the engine that runs and compresses the parts."""

    model_name, flavor = "model.parts", "parts"
    trainable = None

    def __init__(self, name: str, of: str) -> None:
        self.name, self._of = name, of

    @property
    def inner(self) -> Engine:
        """The engine of the parts."""
        return ENGINES.get(self._of)

    @property
    def parts(self) -> Parts:
        """What steps ask about the parts of a model."""
        from inc_mlflow.engines.parts.composition import Composition

        return Composition(self.inner)

    @property
    def devices(self) -> Mapping[str, Device]:
        """The devices of the parts' engine."""
        return self.inner.devices

    @property
    def calibrator(self) -> Calibrator | None:
        """Collects statistics of each part on what it is called with."""
        from inc_mlflow.engines.parts.calibration import PartsCalibrator

        calibrator = self.inner.calibrator
        return PartsCalibrator(self.inner, calibrator) if calibrator else None

    @property
    def analysis(self) -> Analysis | None:
        """The parts' analysis, on what each is called with."""
        from inc_mlflow.engines.parts.analysis import PartsAnalysis

        analysis = self.inner.analysis
        return PartsAnalysis(self.inner, analysis) if analysis else None

    @property
    def emulation(self) -> Emulation | None:
        """That of the parts' engine."""
        return self.inner.emulation

    @property
    def rewrites(self) -> tuple[str, ...]:
        """Names of the changes to each part that an import can leave out."""
        return self.inner.rewrites

    def check_source(self, path: str) -> None:
        """Raise ValueError where the parts' engine takes no part of that name."""
        self.inner.check_source(path)

    def source_files(self, source: Path) -> list[Path]:
        """Return the files of all parts and of the code; raise ModelError where one cannot be read.

        The description of a source is not among them: it is made from the job, with paths of one machine.
        """
        model = _open(source)
        parts = [file for _, path in sorted(model.parts.items()) for file in self.inner.source_files(path)]
        return list(dict.fromkeys([*parts, *model.code_files()]))

    def interface(self, model: Path) -> Interface:
        """Return what the description says: a part's inputs, or inputs of any shape, and names of outputs."""
        opened = _open(model)
        about = opened.about
        if isinstance(about.inputs, str):
            inputs = self.inner.interface(opened.parts[about.inputs]).inputs
        else:
            inputs = tuple(
                TensorSpec(name=name, dtype=dtype, shape=None) for name, dtype in about.inputs.items()
            )
        axes = RowAxes({spec.name: 0 for spec in inputs}, dict.fromkeys(about.outputs, 0))
        return Interface(inputs, (), about.outputs, row_axes=axes)

    def int8_operators(self, model: Path) -> Mapping[str, int]:
        """Return how many operators of all parts work in INT8, by name."""
        found: dict[str, int] = {}
        for path in _open(model).parts.values():
            for name, count in self.inner.int8_operators(path).items():
                found[name] = found.get(name, 0) + count
        return found

    def import_source(
        self, source: Path, folder: Path, without: Collection[str] = (), axes: RowAxes | None = None
    ) -> Imported:
        """Write the folder of the baseline, without rewrites of all parts, or of one as "part/rewrite".

        The function takes rows first whatever ``axes`` say.
        """
        from inc_mlflow.engines.parts.options import nodes_of

        made = {}
        for name, path in self.parts.of(source).items():
            place = self.parts.place(folder, name)
            place.mkdir(parents=True, exist_ok=True)
            own = {*without, *nodes_of(name, tuple(without))} & {*self.rewrites}
            made[name] = self.inner.import_source(path, place, own, self.parts.axes(path))
        self.parts.put_together(source, folder)
        notes = [f"{name}: {note}" for name, one in made.items() for note in one.notes]
        return Imported({"parts": len(made)}, notes=tuple(notes))

    def load(self, model: Path, settings: RunSettings) -> LoadedModel:
        """Load all parts and the function; raise what the parts' engine raises, ModelError of the code."""
        from inc_mlflow.engines.parts.pipeline import load_pipeline

        return load_pipeline(_open(model), self.inner, settings)

    def describe(self, cpus: Sequence[int], device: Device) -> dict[str, int | str | bool]:
        """Return the settings with which each part runs."""
        return self.inner.describe(cpus, device)

    def space(self, baseline: Path) -> SearchSpace | None:
        """Return what can be tried on each part, and on several; None where the parts' engine has nothing."""
        from inc_mlflow.engines.parts.space import PartsSpace

        found = {name: self.inner.space(path) for name, path in _open(baseline).parts.items()}
        spaces = {name: space for name, space in found.items() if space is not None}
        return PartsSpace(spaces) if spaces else None


def _open(model: Path) -> "PartsModel":
    from inc_mlflow.engines.parts.folder import PartsModel

    return PartsModel.open(model)


ENGINE = PartsEngine(PARTS, DEFAULT_ENGINE)
