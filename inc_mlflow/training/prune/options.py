"""Options of the method ``prune``; a job is read without importing torch."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from inc_mlflow.formatting import percent
from inc_mlflow.registry.engines import DEFAULT_ENGINE
from inc_mlflow.spec.spec_model import SpecModel
from inc_mlflow.training.stage_recipe import StageRecipe

WeightScore = Literal["magnitude", "snip_momentum", "gradient", "group_lasso"]
Pattern = Literal["unstructured", "4x1", "2x1", "2:4", "1:2", "channel", "head"]
OF_GROUPS = {"2:4": 0.5, "1:2": 0.5}
"""Patterns that fix how many of each few weights are zero."""
REMOVED = ("channel", "head")
"""Patterns that leave no zeros, but fewer weights."""
_MULTIPLE = 8
"""Kernels compute channels in blocks of 8 or 16: what does not fill the last block takes its time as well."""


class AttentionNames(SpecModel):
    """How a module that attends is made: names of layers and of sizes, as paths from the module."""

    module: Annotated[str, Field(description="Modules that attend, as layers.*")]
    query: str = "q"
    key: str = "k"
    value: str = "v"
    output: Annotated[str, Field(description="The layer that reads what the heads give.")] = "o"
    heads: Annotated[str, Field(description="The attribute with the number of heads.")] = "heads"
    width: Annotated[
        str | None, Field(description="An attribute with the width of all heads together, if there is one.")
    ] = None


class Prune(StageRecipe):
    """Prunes a module and trains it; what it makes is a new source."""

    engine: str = DEFAULT_ENGINE
    method: Literal["prune"] = "prune"
    score: Annotated[WeightScore, Field(description="What says how much a weight matters.")] = "snip_momentum"
    pattern: Annotated[
        Pattern,
        Field(
            description="What becomes zero together: 4x1 is 4 outputs of an input, 2:4 is 2 of 4 inputs; "
            "channel and head are removed."
        ),
    ] = "unstructured"
    sparsity: Annotated[
        float, Field(gt=0, le=0.98, description="Share of weights, channels or heads; 2:4 and 1:2 have one.")
    ]
    multiple: Annotated[
        int | None,
        Field(
            ge=1,
            le=256,
            description="Layers keep whole multiples of so many channels; 8 by default, as engines compute.",
        ),
    ] = None
    balanced: Annotated[
        bool | None,
        Field(description="The same share in each layer; by default for channels and heads alone."),
    ] = None
    layers: Annotated[
        tuple[str, ...],
        Field(strict=False, min_length=1, description="Layers, by paths in the module, as encoder.*"),
    ] = ("*",)
    excluded: Annotated[
        tuple[str, ...], Field(strict=False, description="Layers that stay as they are.")
    ] = ()
    attention: Annotated[
        AttentionNames | None, Field(description="Where heads are; the pattern head needs it.")
    ] = None
    begin: Annotated[
        float, Field(ge=0, lt=1, description="Share of the steps before the first weights become zero.")
    ] = 0.1
    end: Annotated[
        float, Field(gt=0, lt=1, description="Share of the steps after which no more weights become zero.")
    ] = 0.5
    lasso: Annotated[
        float, Field(gt=0, le=1, description="Of group_lasso: weight of the sum of the groups' norms.")
    ] = 0.0005
    temperature: Annotated[
        float, Field(ge=1, le=100, description="At which the dense model's classes are learned from.")
    ] = 2.0
    teacher_weight: Annotated[
        float,
        Field(ge=0, le=1, description="Share of the loss that the dense model gives, where labels do too."),
    ] = 0.7

    @model_validator(mode="before")
    @classmethod
    def _share_of_groups(cls, data: Any) -> Any:
        """Fill in what the pattern says of the share."""
        if isinstance(data, Mapping) and data.get("pattern") in OF_GROUPS and "sparsity" not in data:
            return {**data, "sparsity": OF_GROUPS[data["pattern"]]}
        return data

    @model_validator(mode="after")
    def _possible(self) -> Self:
        share = OF_GROUPS.get(self.pattern)
        if share is not None and self.sparsity != share:
            raise ValueError(f"sparsity: {self.pattern} has {share:g}; leave it out")
        if self.pattern in REMOVED and self.score == "group_lasso":
            raise ValueError(
                f"score: group_lasso acts while weights become zero; {self.pattern} takes another"
            )
        if (self.pattern == "head") != (self.attention is not None):
            raise ValueError(
                "attention: says where heads are, as {module: layers.*, query: q, key: k, value: v, "
                "output: o, heads: heads}; it belongs to the pattern head"
            )
        if self.multiple is not None and self.pattern != "channel":
            raise ValueError(f"multiple: is about channels; leave it out with {self.pattern}")
        if self.end <= self.begin:
            raise ValueError(f"end: {self.end:g} is not behind begin, {self.begin:g}")
        return self

    def label(self) -> str:
        """Name score, pattern and share, and what else differs from the defaults."""
        balanced = [] if self.balanced is None else ["balanced" if self.balanced else "unbalanced"]
        pattern = "" if self.pattern in OF_GROUPS else f" {percent(self.sparsity)}"
        where = [] if self.layers == ("*",) else [f"of {' '.join(self.layers)}"]
        multiple = [] if self.multiple is None else [f"in multiples of {self.multiple}"]
        return " ".join([self.method, self.score, f"{self.pattern}{pattern}", *multiple, *balanced, *where])

    @property
    def channel_multiple(self) -> int:
        """Of what the numbers of channels that are left are multiples."""
        return _MULTIPLE if self.multiple is None else self.multiple

    @property
    def is_balanced(self) -> bool:
        """Whether each layer loses the same share."""
        return self.pattern in REMOVED if self.balanced is None else self.balanced
