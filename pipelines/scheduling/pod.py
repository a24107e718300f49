"""What of a pod the scheduler looks at when it filters nodes."""

from typing import Annotated, Literal

from pydantic import Field

from inc_mlflow.pipelines.scheduling.quantity import Quantity
from inc_mlflow.spec import Expression
from inc_mlflow.spec.spec_model import SpecModel


class Toleration(SpecModel):
    """A taint, or a kind of taints, that does not keep the pod away; an empty field fits everything."""

    key: str = ""
    operator: Literal["Equal", "Exists"] = "Equal"
    value: str = ""
    effect: Literal["", "NoSchedule", "PreferNoSchedule", "NoExecute"] = ""
    seconds: Annotated[int | str | None, Field(alias="tolerationSeconds")] = None


class Term(SpecModel):
    """Requirements on one node that hold together."""

    expressions: Annotated[tuple[Expression, ...], Field(alias="matchExpressions", strict=False)] = ()
    fields: Annotated[tuple[Expression, ...], Field(alias="matchFields", strict=False)] = ()


class Pod(SpecModel):
    """A pod's scheduling; of its terms one is enough, and None asks for nothing."""

    labels: dict[str, str]
    selector: dict[str, str]
    terms: Annotated[tuple[Term, ...] | None, Field(strict=False, min_length=1)]
    tolerations: Annotated[tuple[Toleration, ...], Field(strict=False)]
    requests: dict[str, Quantity]
