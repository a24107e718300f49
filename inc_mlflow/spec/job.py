"""The whole job: read from YAML or JSON, written as canonical JSON."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import (
    ConfigDict,
    Discriminator,
    Field,
    Tag,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)

from inc_mlflow.errors import SpecError, UnknownNameError
from inc_mlflow.files import canonical_json
from inc_mlflow.registry import did_you_mean
from inc_mlflow.registry.engines import DEFAULT_ENGINE, ENGINES, PARTS
from inc_mlflow.registry.methods import image_of_methods, image_of_trainers, method_name
from inc_mlflow.spec.benchmark import BenchmarkSpec
from inc_mlflow.spec.bundle import Bundle
from inc_mlflow.spec.data import DataSpec, ModelPath, possible_path
from inc_mlflow.spec.engines import check_engines, with_engines
from inc_mlflow.spec.gate import GateSpec, PoolGate
from inc_mlflow.spec.images import image_on
from inc_mlflow.spec.metric import MetricSpec
from inc_mlflow.spec.parts import PartsSpec, has_parts
from inc_mlflow.spec.placement import LOCAL, SYSTEM, Expect, PoolSpec
from inc_mlflow.spec.policy import PolicySpec
from inc_mlflow.spec.pools import Emulated, Isa, Pool, check_pools
from inc_mlflow.spec.presets import definitions
from inc_mlflow.spec.recipes import Recipe, Recipes, check_recipe
from inc_mlflow.spec.search import SearchSpec
from inc_mlflow.spec.several_metrics import JobMetric, check_metrics, first_limit_in_gate
from inc_mlflow.spec.source import (
    CONVERTED,
    AnySource,
    SourceSpec,
    image_of,
    source_kind,
    told_from_files,
    with_source,
)
from inc_mlflow.spec.spec_model import SpecModel, spec_error
from inc_mlflow.spec.text import read_json, read_mapping, read_text, reading
from inc_mlflow.spec.tracking import TrackingSpec
from inc_mlflow.spec.training import TrainingSpec


def _form_of_model(model: object) -> str:
    if source_kind(model):
        return "source_"
    return "several_" if has_parts(model) else "one_"


class JobSpec(SpecModel):
    """One INT8 job: model, data, metric, recipes, gate."""

    # Building the schema looks up the options of all engines; importing this module does not.
    model_config = ConfigDict(
        defer_build=True,
        json_schema_extra={"oneOf": [{"required": ["metric"]}, {"required": ["metrics"]}]},
    )

    version: Annotated[Literal[1], Field(description="Version of this format.")]
    name: Annotated[
        str,
        Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._ -]{0,199}$", description="Also the default MLflow names."),
    ]
    engines: Annotated[
        tuple[str, ...],
        Field(
            min_length=1,
            strict=False,
            description="What compresses and runs the model, the first one's baseline being the reference; "
            "auto: all that are installed and take this source.",
        ),
    ] = (DEFAULT_ENGINE,)
    model: Annotated[
        Annotated[ModelPath, Tag("one_")]
        | Annotated[PartsSpec, Tag("several_")]
        | Annotated[AnySource, Tag("source_")],
        Discriminator(_form_of_model),
        Field(
            description="The source, as an .onnx file, relative to the job file or s3://bucket/path; "
            "a framework's model, as {torch: model.py:build, weights: w.safetensors} (list sources); "
            "artifact://path in a task's artifact; or the parts of a model of parts, and their function."
        ),
    ]
    data: DataSpec
    metric: MetricSpec | None = None
    metrics: Annotated[
        tuple[JobMetric, ...] | None,
        Field(
            min_length=1,
            max_length=20,
            strict=False,
            description="Instead of `metric`, several: the first orders the table, and the gate asks for all "
            "that are not informative.",
        ),
    ] = None
    training: Annotated[TrainingSpec, Field(exclude_if=lambda given: given == TrainingSpec())] = (
        TrainingSpec()
    )
    recipes: Annotated[Recipes, Field(description="Candidates to make, or auto: search for the best ones.")]
    search: SearchSpec = SearchSpec()
    pools: Annotated[
        tuple[Pool, ...],
        Field(
            min_length=1,
            strict=False,
            description="Kinds of hardware, as [local, {emulate: x86-avx2}]; the first is real.",
        ),
    ] = (LOCAL,)
    placement: Annotated[
        dict[str, PoolSpec],
        Field(
            description="What the pools are; in a job file also the name of a preset, or the path of a file "
            "with own pools."
        ),
    ] = Field(default_factory=dict)
    bundle: Bundle | None = None
    benchmark: BenchmarkSpec = BenchmarkSpec()
    gate: GateSpec = GateSpec()
    tracking: TrackingSpec = TrackingSpec()

    @model_validator(mode="before")
    @classmethod
    def _in_full(cls, data: Any) -> Any:
        """Write source, engines and recipes in full, and the limits of a first of several metrics."""
        return first_limit_in_gate(with_engines(with_source(data))) if isinstance(data, Mapping) else data

    @field_validator("engines")
    @classmethod
    def _known(cls, engines: tuple[str, ...]) -> tuple[str, ...]:
        return check_engines(engines)

    @field_validator("model")
    @classmethod
    def _taken(
        cls, model: str | PartsSpec | SourceSpec, info: ValidationInfo
    ) -> str | PartsSpec | SourceSpec:
        for engine in info.data.get("engines", ()):
            if isinstance(model, PartsSpec) != (engine == PARTS):
                raise ValueError(
                    f"{engine} takes no such model: {PARTS} is for models of several parts; "
                    "leave `engines` out"
                )
            for path in _graphs(model):
                ENGINES.get(engine).check_source(path)
        return model

    @model_validator(mode="after")
    def _possible(self) -> Self:
        check_metrics(self.metric, self.metrics, self.gate)
        self._check_searchable()
        for name in self.search.pools or ():
            if name not in self.pools:
                real = ", ".join(str(pool) for pool in self.pools)
                raise ValueError(f"search.pools: {name!r} is not a pool of the job; it has {real}")
        check_pools(self.pools)
        labels = [recipe.label() for recipe in self.listed]
        if len(set(self.listed)) < len(self.listed):
            twice = next(text for text in labels if labels.count(text) > 1)
            raise ValueError(f"recipes: {twice!r} stands twice")
        for recipe in self.listed:
            check_recipe(recipe, self.engines, self.data, self.model)
        return self

    @property
    def all_metrics(self) -> dict[str, MetricSpec]:
        """The metrics by the field that each stands in; the first orders the table."""
        if self.metric is not None:
            return {"metric": self.metric}
        return {f"metrics[{number}]": metric for number, metric in enumerate(self.metrics or ())}

    @property
    def listed(self) -> tuple[Recipe, ...]:
        """The recipes that the job lists; none where a search finds them."""
        return () if self.recipes == "auto" else self.recipes

    @property
    def real_pools(self) -> tuple[str, ...]:
        """The pools that are real hardware, in their order."""
        return tuple(pool for pool in self.pools if isinstance(pool, str))

    @property
    def pool(self) -> str:
        """The first real pool; a search runs there unless the job names other pools."""
        return self.real_pools[0]

    @property
    def searching_pools(self) -> tuple[str, ...]:
        """The pools on which candidates are made."""
        return self.search.pools or (self.pool,)

    @property
    def images(self) -> tuple[str, ...]:
        """The images of the tasks on a cluster."""
        used = {image_on(hardware, self.engines) for hardware in (PoolSpec(), *self.placement.values())}
        return tuple(sorted(used | {*filter(None, (image_of(self.model), self.image_of_recipes))}))

    @property
    def image_of_recipes(self) -> str | None:
        """The image of the task that makes candidates, a search that may train too; None for its pool's."""
        if self.recipes == "auto" and self.data.training is not None:
            return image_of_trainers(self.engines)
        return image_of_methods(method_name(r.final.engine, r.final.method) for r in self.listed if r.final)

    def timed(self, pool: str) -> bool:
        """Tell whether the speed on a pool is measured, to be judged or shown."""
        return self.gate.role(pool, emulated=False) != "accuracy_only"

    @property
    def emulated(self) -> tuple[Isa, ...]:
        """The instruction sets that are emulated on the first real pool."""
        return tuple(pool.emulate for pool in self.pools if isinstance(pool, Emulated))

    def _check_searchable(self) -> None:
        for name in ("calibration", "tuning"):
            if self.recipes == "auto" and name not in self.data.splits():
                raise ValueError(f"data.{name}: recipes: auto needs it; give the split, or list recipes")

    @classmethod
    def from_text(cls, text: str) -> Self:
        """Read YAML or JSON; raise SpecError with one line that names the field."""
        return cls._from_mapping(read_mapping(text))

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Read JSON as ``to_text`` writes it, also if it is not trusted; raise SpecError as ``from_text``."""
        return cls._from_mapping(read_json(text))

    @classmethod
    def _from_mapping(cls, data: dict[str, Any]) -> Self:
        try:
            return cls.model_validate(data)
        except ValidationError as error:
            raise spec_error(error) from error

    @classmethod
    def load(cls, path: Path, placement: str | None = None) -> Self:
        """Read a job file; files that it names (a gate policy, pools) become part of the job's text.

        ``placement`` is a preset or a file with pools, and replaces the job's. Raises SpecError with one line
        that names file and field, UnknownNameError where a pool is not known.
        """
        with reading(path, "a job file"):
            data = read_mapping(read_text(path))
            _check_paths(data)
            if isinstance(data.get("gate"), str):
                data["gate"] = PolicySpec.load(path.parent / data["gate"]).limits
            data |= {key: told_from_files(data[key], path.parent) for key in ("model",) if key in data}
            source = placement or data.get("placement")
            whole = source if isinstance(source, dict) else {}
            known = {} if whole else definitions(source, path.parent)
            return cls._from_mapping(data | {"placement": whole})._placed(known)

    def _placed(self, known: Mapping[str, PoolSpec]) -> Self:
        """Return the job with the definitions of its pools; raise UnknownNameError where one is not known."""
        known = {**self.placement, **known}
        named = [pool for pool in self.real_pools if pool != LOCAL]
        for pool in named:
            if pool not in known:
                names = [LOCAL, *sorted(set(known) - {SYSTEM})]
                raise UnknownNameError(
                    f"pools: no {pool!r}{did_you_mean(pool, names)}; there are {', '.join(names)}"
                )
            if known[pool].expect == Expect():
                raise SpecError(
                    f"placement: pool {pool!r} expects nothing, so any machine could be it; "
                    "give `expect`, as arch"
                )
        used = [*named, *([SYSTEM] if SYSTEM in known and named else [])]
        roles = {pool: PoolGate(role=known[pool].role) for pool in named if known[pool].role != "required"}
        gate = self.gate.model_copy(update={"pools": roles | self.gate.pools})
        return self.model_copy(update={"placement": {pool: known[pool] for pool in used}, "gate": gate})

    def to_text(self) -> str:
        """Return canonical JSON: equal jobs give equal bytes."""
        return canonical_json(self.model_dump(mode="json", by_alias=True, exclude_none=True))


def _graphs(model: str | PartsSpec | SourceSpec) -> tuple[str, ...]:
    """Return the paths that an engine has to take."""
    if isinstance(model, PartsSpec):
        return tuple(model.parts.values())
    return (CONVERTED,) if isinstance(model, SourceSpec) else (model,)


def _check_paths(data: Mapping[str, Any]) -> None:
    """Raise SpecError where a field that names a file has no possible path."""
    for field in ("gate", "placement"):
        try:
            possible_path(data[field] if isinstance(data.get(field), str) else "")
        except ValueError as error:
            raise SpecError(f"{field}: {error}") from error
