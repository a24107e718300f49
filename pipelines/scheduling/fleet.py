"""The fleet: which nodes a cluster has, or gets when it scales up, and which pool each was made for."""

from decimal import Decimal
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, ValidationError, model_validator

from inc_mlflow.errors import SpecError
from inc_mlflow.pipelines.scheduling.quantity import Quantity
from inc_mlflow.spec.spec_model import SpecModel, spec_error
from inc_mlflow.spec.text import read_mapping, read_text, reading


class Taint(SpecModel):
    """What keeps pods away that do not tolerate it."""

    key: str
    value: str = ""
    effect: Literal["NoSchedule", "PreferNoSchedule", "NoExecute"] = "NoSchedule"

    def __str__(self) -> str:
        return f"{self.key}{'=' if self.value else ''}{self.value}:{self.effect}"


class Node(SpecModel):
    """One node; of many that are alike one is enough."""

    name: str
    pool: Annotated[
        str | None, Field(description="The pool whose tasks belong here; none of ours without it.")
    ] = None
    labels: dict[str, str] = Field(default_factory=dict)
    taints: Annotated[tuple[Taint, ...], Field(strict=False)] = ()
    allocatable: Annotated[
        dict[str, Quantity],
        Field(description="What is left for our pods: its allocatable less its DaemonSets' requests."),
    ]
    unschedulable: Annotated[bool, Field(description="Cordoned.")] = False

    def free(self, resource: str) -> Decimal:
        """Return how much of a resource the empty node has."""
        return self.allocatable.get(resource, Decimal(0))


class Fleet(SpecModel):
    """Nodes to check a package against."""

    version: Annotated[Literal[1], Field(description="Version of this format.")]
    nodes: Annotated[tuple[Node, ...], Field(strict=False, min_length=1)]

    @model_validator(mode="after")
    def _named_once(self) -> Self:
        names = [node.name for node in self.nodes]
        for name in names:
            if names.count(name) > 1:
                raise ValueError(f"nodes: {name!r} stands twice; keep one")
        return self

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read a fleet file; SpecError is one line that names file and field."""
        with reading(path, "a fleet file"):
            try:
                return cls.model_validate(read_mapping(read_text(path), "fleet"))
            except ValidationError as error:
                raise SpecError(str(spec_error(error)).removeprefix("job: ")) from error

    def of(self, pool: str) -> tuple[str, ...]:
        """Return the names of the nodes that were made for a pool."""
        return tuple(node.name for node in self.nodes if node.pool == pool)
