"""The whole job: read from YAML or JSON, written as canonical JSON."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import Discriminator, Field, GetJsonSchemaHandler, Tag, ValidationError, field_validator, model_validator
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

from inc_mlflow.errors import SpecError
from inc_mlflow.spec.data import DataSpec
from inc_mlflow.spec.layout import Layout
from inc_mlflow.spec.part import Part, spec_error
from inc_mlflow.spec.pools import Emulated, Isa, Pool, check_pools
from inc_mlflow.spec.recipes import Dynamic, Recipe, Static, label
from inc_mlflow.spec.text import read_mapping
from inc_mlflow.storage import canonical_json


class MetricSpec(Part):
    """What accuracy means: a named metric, or a function of the user's."""

    name: Annotated[str | None, Field(description="A name from `inc-mlflow list metrics`.")] = None
    output: Annotated[str | None, Field(description="Graph output it reads; the first by default.")] = None
    function: Annotated[str | None, Field(alias="callable", pattern=r"^.+\.py:\w+$", description="file.py:function")] = None
    higher_is_better: Annotated[bool | None, Field(description="Of a callable; true by default.")] = None
    decomposable: Annotated[
        bool | None, Field(description="Of a callable: one score per sample (true, the default), or one for the split.")
    ] = None

    @model_validator(mode="before")
    @classmethod
    def _callable_defaults(cls, data: Any) -> Any:
        """Fill in what a callable left out, so that equal jobs give equal text."""
        if isinstance(data, dict) and data.get("callable") is not None:
            given = {key: value for key, value in data.items() if value is not None}
            return {"higher_is_better": True, "decomposable": True} | given
        return data

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        """A job may also give the bare name."""
        return {"anyOf": [{"type": "string", "description": "A name from `inc-mlflow list metrics`."}, handler(schema)]}

    @model_validator(mode="after")
    def _one_of_two(self) -> Self:
        if (self.name is None) == (self.function is None):
            raise ValueError("give either 'name' or 'callable'")
        if self.function is not None and self.output is not None:
            raise ValueError("'output' is for named metrics; a callable gets all outputs")
        if self.name is not None and (self.higher_is_better, self.decomposable) != (None, None):
            raise ValueError("'higher_is_better' and 'decomposable' are for callables; a named metric knows its own")
        return self


class BenchmarkSpec(Part):
    """How speed is measured."""

    layout: Annotated[str, Field(description="1s1c1ins<batch>bs: one pinned instance on one core.")] = "1s1c1ins1bs"

    @field_validator("layout")
    @classmethod
    def _readable(cls, text: str) -> str:
        return str(Layout.parse(text))


class GateSpec(Part):
    """When a candidate passes."""

    max_relative_drop: Annotated[float, Field(ge=0, lt=1, description="Share of the baseline's metric it may lose.")] = 0.01
    min_speedup: Annotated[float, Field(gt=0, description="Against the optimised baseline.")] = 1.0
    confidence: Annotated[float, Field(gt=0.5, lt=1, description="One-sided, of each decision.")] = 0.95


class SearchSpec(Part):
    """How far ``recipes: auto`` goes."""

    budget: Annotated[
        float | None, Field(gt=0, description="Seconds it may take; by default what a dozen default quantisations cost.")
    ] = None
    pools: Annotated[
        tuple[str, ...] | None, Field(min_length=1, strict=False, description="Pools to search on; the first by default.")
    ] = None


class TrackingSpec(Part):
    """Where MLflow keeps the results; command line and environment come first."""

    uri: Annotated[str | None, Field(description="Tracking server; a SQLite file beside the job by default.")] = None
    registry_uri: Annotated[str | None, Field(description="Registry server; the tracking server by default.")] = None
    experiment: Annotated[str | None, Field(description="The job's name by default.")] = None
    registered_model: Annotated[str | None, Field(pattern=r"^[^/:'\"]+$", description="The job's name by default.")] = None

    @field_validator("uri", "registry_uri")
    @classmethod
    def _no_secret(cls, uri: str | None) -> str | None:
        if uri is not None and "@" in uri.partition("://")[2].partition("/")[0]:
            raise ValueError("no user or password in a job; set MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD")
        return uri


def _auto_or_list(value: Any) -> str:
    return "auto" if isinstance(value, str) else "list"


Recipes = Annotated[
    Annotated[Literal["auto"], Tag("auto")] | Annotated[tuple[Recipe, ...], Field(min_length=1, strict=False), Tag("list")],
    Discriminator(_auto_or_list),
]


class JobSpec(Part):
    """One INT8 job: model, data, metric, recipes, gate."""

    version: Annotated[Literal[1], Field(description="Version of this format.")]
    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._ -]*$", description="Also the default MLflow names.")]
    model: Annotated[str, Field(description="An .onnx file, relative to the job file.")]
    data: DataSpec
    metric: MetricSpec
    recipes: Annotated[Recipes, Field(description="Candidates to make, or auto: search for the best ones.")]
    search: SearchSpec = SearchSpec()
    pools: Annotated[
        tuple[Pool, ...],
        Field(min_length=1, strict=False, description="Kinds of hardware, as [local, {emulate: x86-avx2}]; the first is real."),
    ] = ("local",)
    benchmark: BenchmarkSpec = BenchmarkSpec()
    gate: GateSpec = GateSpec()
    tracking: TrackingSpec = TrackingSpec()

    @field_validator("metric", mode="before")
    @classmethod
    def _metric_by_name(cls, value: Any) -> Any:
        return {"name": value} if isinstance(value, str) else value

    @field_validator("model")
    @classmethod
    def _onnx(cls, path: str) -> str:
        if not path.endswith(".onnx"):
            raise ValueError(f"{path!r} is not an .onnx file; other formats are not supported yet. {_how_to_export(path)}")
        return path

    @model_validator(mode="after")
    def _possible(self) -> Self:
        if self.recipes == "auto":
            self._searchable()
        for name in self.search.pools or ():
            if name not in self.pools:
                real = ", ".join(str(pool) for pool in self.pools)
                raise ValueError(f"search.pools: {name!r} is not a pool of the job; it has {real}")
        check_pools(self.pools)
        labels = [label(recipe) for recipe in self.listed]
        if len(set(self.listed)) < len(self.listed):
            twice = next(text for text in labels if labels.count(text) > 1)
            raise ValueError(f"recipes: {twice!r} stands twice")
        if self.data.calibration is None and any(isinstance(recipe, Static) for recipe in self.listed):
            raise ValueError("data.calibration: a static recipe needs it; give the split, or use method dynamic")
        return self

    @property
    def listed(self) -> tuple[Static | Dynamic, ...]:
        """The recipes that the job lists; none where it leaves them to the search."""
        return () if self.recipes == "auto" else self.recipes

    @property
    def pool(self) -> str:
        """The real pool, where all measurements are made."""
        return next(pool for pool in self.pools if isinstance(pool, str))

    @property
    def emulated(self) -> tuple[Isa, ...]:
        """The instruction sets that are emulated on it."""
        return tuple(pool.emulate for pool in self.pools if isinstance(pool, Emulated))

    def _searchable(self) -> None:
        for name in ("calibration", "tuning"):
            if name not in self.data.splits():
                raise ValueError(f"data.{name}: recipes: auto needs it; give the split, or list recipes")

    @classmethod
    def from_text(cls, text: str) -> Self:
        """Read YAML or JSON; SpecError is one line that names the field."""
        data = read_mapping(text)
        try:
            return cls.model_validate(data)
        except ValidationError as error:
            raise spec_error(error) from error

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read a job file."""
        try:
            return cls.from_text(path.read_text())
        except OSError as error:
            raise SpecError(f"{path}: cannot be read ({error.strerror}); give the path of a job file") from error
        except UnicodeDecodeError as error:
            raise SpecError(f"{path}: is not text; give the path of a job file in YAML") from error
        except SpecError as error:
            raise SpecError(f"{path}: {error}") from error

    def to_text(self) -> str:
        """Return canonical JSON: equal jobs give equal bytes."""
        return canonical_json(self.model_dump(mode="json", by_alias=True, exclude_none=True))


@dataclass(frozen=True)
class Job:
    """A job and the directory that its relative paths start from: the job file's own."""

    spec: JobSpec
    root: Path

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read a job file."""
        return cls(JobSpec.load(path), path.resolve().parent)

    @property
    def model(self) -> Path:
        """The source."""
        return self.root / self.spec.model

    @property
    def layout(self) -> Layout:
        """The benchmark's layout; evaluation uses its batch size."""
        return Layout.parse(self.spec.benchmark.layout)


def _how_to_export(path: str) -> str:
    if path.endswith((".pt", ".pth")):
        return "Export it with torch.onnx.export(model, example, 'model.onnx', dynamo=True)"
    return "Export it: python -m tf2onnx.convert --opset 17 --output model.onnx, with --saved-model or --graphdef"
