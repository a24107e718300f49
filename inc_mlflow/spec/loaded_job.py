"""A job where it is worked on: with the directory of its files, and the pool of the process."""

from dataclasses import dataclass
from pathlib import Path
from typing import Self

from inc_mlflow.errors import SpecError
from inc_mlflow.registry.engines import ENGINES
from inc_mlflow.registry.sources import converter
from inc_mlflow.remote import local_path
from inc_mlflow.spec.job import JobSpec
from inc_mlflow.spec.layout import Layout
from inc_mlflow.spec.parts import PartsSpec
from inc_mlflow.spec.placement import LOCAL, PoolSpec
from inc_mlflow.spec.source import SourceSpec


@dataclass(frozen=True)
class Job:
    """A job, the directory of its relative paths (that of the job file), and the pool of this process."""

    spec: JobSpec
    root: Path
    on: str | None = None
    """Pool of this process; None where nothing is measured, or on the first pool."""
    converted: Path | None = None
    """ONNX file that the import made of a framework's model; None before, and for other models."""

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
        if isinstance(self.spec.model, PartsSpec):
            return self.spec.model.source(self.root)
        if isinstance(self.spec.model, SourceSpec):
            return self.converted or converter()(self.spec.model, self.root)
        return local_path(self.spec.model, self.root)

    @property
    def source_files(self) -> list[Path]:
        """All files of the source as it was given."""
        if isinstance(self.spec.model, SourceSpec):
            return self.spec.model.files(self.root)
        return ENGINES.get(self.spec.engines[0]).source_files(self.model)

    @property
    def layout(self) -> Layout:
        """The benchmark's layout; evaluation uses its batch size."""
        return Layout.parse(self.spec.benchmark.layout)
