"""A job where it is worked on: with the directory of its files, and the pool of the process."""

from dataclasses import dataclass
from pathlib import Path
from typing import Self

from inc_mlflow.errors import SpecError
from inc_mlflow.registry.engines import ENGINES
from inc_mlflow.registry.sources import converter
from inc_mlflow.remote import local_path
from inc_mlflow.spec.artifact import check_artifact, located
from inc_mlflow.spec.data import ARTIFACT
from inc_mlflow.spec.job import JobSpec
from inc_mlflow.spec.layout import Layout
from inc_mlflow.spec.parts import PartsSpec
from inc_mlflow.spec.placement import LOCAL, PoolSpec
from inc_mlflow.spec.source import SourceSpec, of_artifact


@dataclass(frozen=True)
class Job:
    """A job, the directory of its relative paths (that of the job file), and the pool of this process."""

    spec: JobSpec
    root: Path
    on: str | None = None
    """Pool of this process; None where nothing is measured, or on the first pool."""
    converted: Path | None = None
    """ONNX file that the import kept of a framework's model or an artifact; None before, and for others."""
    artifact: Path | None = None
    """The model artifact that this process was given."""
    output: str = ""
    """Address of what this process's task makes; a path on one machine, empty where it does not matter."""

    @classmethod
    def load(cls, path: Path, placement: str | None = None) -> Self:
        """Read a job file as ``JobSpec.load``, with the same errors."""
        return cls(JobSpec.load(path, placement), path.resolve().parent)

    @property
    def pool(self) -> str:
        """The pool to which the measurements of this process belong."""
        return self.on or self.spec.pool

    @property
    def hardware(self) -> PoolSpec:
        """Definition of that pool; raise SpecError where the job's text does not define it."""
        if self.pool == LOCAL:
            return PoolSpec()
        if self.pool not in self.spec.placement:
            raise SpecError(
                f"placement: does not say what the pool {self.pool!r} is; load the job from its file"
            )
        return self.spec.placement[self.pool]

    @property
    def model(self) -> Path:
        """Path of the source, which is fetched if it is remote; of a model of parts, of its description.

        A framework's model is converted, in a process of its own, where no step has done that: it is the ONNX
        file then. Raises MissingExtraError where the framework is not installed, ModelError where it does not
        convert.
        """
        if self.converted is not None:
            return self.converted
        source = self.source
        if isinstance(source, PartsSpec):
            return source.source(self.root)
        if isinstance(source, SourceSpec):
            return converter()(source, self.root)
        return local_path(source, self.root)

    @property
    def source(self) -> str | PartsSpec | SourceSpec:
        """The job's model, with local paths for those in an artifact.

        Raises SpecError where this process has no artifact, ModelError where it is not what the job says.
        """
        model = self.spec.model
        if not of_artifact(model) or isinstance(model, PartsSpec):
            return model
        if self.artifact is None:
            raise SpecError(
                f"model: {ARTIFACT}… is made by a task of a pipeline of yours, which runs this job; "
                "see docs/sources.md, or give a path"
            )
        check_artifact(self.artifact)
        if isinstance(model, SourceSpec):
            return model.located(self.artifact)
        return str(located(model, self.artifact))

    @property
    def source_files(self) -> list[Path]:
        """All files of the source as it was given."""
        if isinstance(source := self.source, SourceSpec):
            return source.files(self.root)
        return ENGINES.get(self.spec.engines[0]).source_files(self.model)

    @property
    def layout(self) -> Layout:
        """The benchmark's layout; evaluation uses its batch size."""
        return Layout.parse(self.spec.benchmark.layout)
