"""A promoted model as a server gets it: its files, and what the evidence behind its promotion holds for."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from inc_mlflow.engines.engine import Interface
from inc_mlflow.spec.layout import Layout


@dataclass(frozen=True)
class MeasuredServing:
    """How the model ran where it was measured."""

    pool: str
    cpu: str
    layout: Layout
    runtime: Mapping[str, str]
    """Package -> version."""


@dataclass(frozen=True)
class ServedModel:
    """A version that an alias names, with its checked files."""

    registered_model: str
    version: str
    alias: str
    recipe: str
    sha256: str
    engine: str
    path: Path
    interface: Interface
    reasons: tuple[str, ...]
    """Why it was promoted; empty where nobody judged it."""
    measured: tuple[MeasuredServing, ...]
    """Empty where it was adopted, and so without evidence."""

    @property
    def layout(self) -> Layout:
        """The layout of the first pool; one core and one row where nothing was measured."""
        return self.measured[0].layout if self.measured else Layout(1, 1, 1)
