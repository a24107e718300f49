"""What accuracy means in a job."""

from typing import Annotated, Any, Self

from pydantic import Field, GetJsonSchemaHandler, field_validator, model_validator
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

from inc_mlflow.errors import reason
from inc_mlflow.files import canonical_json
from inc_mlflow.registry.metrics import METRICS
from inc_mlflow.registry.postprocess import POSTPROCESS
from inc_mlflow.spec.data import Function
from inc_mlflow.spec.names import NameOf, NameWithOptions
from inc_mlflow.spec.spec_model import SpecModel


class MetricSpec(SpecModel):
    """What accuracy means: a named metric, or a function of the user's."""

    name: Annotated[
        Annotated[str, NameOf(METRICS)] | None, Field(description="A name from `inc-mlflow list metrics`.")
    ] = None
    output: Annotated[str | None, Field(description="Graph output it reads, where it reads one.")] = None
    outputs: dict[str, str] = Field(
        default_factory=dict, description="Role of the metric or its postprocess -> graph output."
    )
    options: dict[str, Any] = Field(
        default_factory=dict, description="Of the named metric, see docs/metrics.md."
    )
    postprocess: Annotated[
        Annotated[dict[str, Any], NameWithOptions(POSTPROCESS)] | None,
        Field(
            description="A name from `inc-mlflow list postprocess`, or a mapping with `name` and its options."
        ),
    ] = None
    function: Annotated[Function | None, Field(alias="callable", description="file.py:function")] = None
    higher_is_better: Annotated[bool | None, Field(description="Of a callable; true by default.")] = None
    decomposable: Annotated[
        bool | None,
        Field(description="Of a callable: one score per sample (true, the default), or one for the split."),
    ] = None

    score_range: Annotated[
        tuple[float | None, float | None] | None,
        Field(
            strict=False,
            alias="range",
            description="Of a callable: least and largest score there is, as [0, 1]; "
            "null where there is no such end.",
        ),
    ] = None

    @model_validator(mode="before")
    @classmethod
    def _callable_defaults(cls, data: Any) -> Any:
        """Take a bare name; fill in what a callable left out, so that equal jobs give equal text."""
        if isinstance(data, str):
            return {"name": data}
        if isinstance(data, dict) and data.get("callable") is not None:
            given = {key: value for key, value in data.items() if value is not None}
            return {"higher_is_better": True, "decomposable": True} | given
        return data

    @field_validator("options", "postprocess")
    @classmethod
    def _plain(cls, value: Any) -> Any:
        """Refuse what JSON cannot hold: surrogates, infinity, YAML's dates and bytes."""
        try:
            canonical_json(value).encode()
        except (TypeError, ValueError) as error:
            raise ValueError(
                f"holds what JSON does not ({reason(error)}); use numbers, texts, lists and mappings"
            ) from error
        return value

    @classmethod
    def __get_pydantic_json_schema__(
        cls, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        """A job may also give the bare name."""
        return {
            "anyOf": [
                {
                    "type": "string",
                    "enum": list(METRICS),
                    "description": "A name from `inc-mlflow list metrics`.",
                },
                handler(schema),
            ]
        }

    @model_validator(mode="after")
    def _one_of_two(self) -> Self:
        if (self.name is None) == (self.function is None):
            raise ValueError("give either 'name' or 'callable'")
        if self.function is not None and (self.output or self.outputs or self.options or self.postprocess):
            raise ValueError(
                "'output', 'outputs', 'options' and 'postprocess' are for named metrics; "
                "a callable gets all outputs"
            )
        if self.output is not None and self.outputs:
            raise ValueError("give either 'output' or 'outputs'")
        if self.name is not None and (self.higher_is_better, self.decomposable, self.score_range) != (
            None,
            None,
            None,
        ):
            raise ValueError(
                "'higher_is_better', 'decomposable' and 'range' are for callables; "
                "a named metric knows its own"
            )
        return self

    @property
    def called(self) -> str:
        """What records and tables call it: the name, or that of the function."""
        return self.name or (self.function or "").rpartition(":")[2]

    def option_files(self) -> dict[str, str]:
        """Return field -> path, of the options of metric and postprocess that name a file."""
        found = METRICS.files(self.name, self.options) if self.name is not None else {}
        after = POSTPROCESS.files(self.postprocess["name"], self.postprocess) if self.postprocess else {}
        return {f"options.{option}": path for option, path in found.items()} | {
            f"postprocess.{option}": path for option, path in after.items()
        }

    @field_validator("score_range")
    @classmethod
    def _ordered(
        cls, value: tuple[float | None, float | None] | None
    ) -> tuple[float | None, float | None] | None:
        ends = [end for end in value or () if end is not None]
        if len(ends) == 2 and ends[0] >= ends[1]:
            raise ValueError(f"the least score, {ends[0]:g}, must be below the largest, {ends[1]:g}")
        return value
