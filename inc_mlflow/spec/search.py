"""How far a search goes."""

from typing import Annotated

from pydantic import Field

from inc_mlflow.spec.spec_model import SpecModel


class SearchSpec(SpecModel):
    """How far ``recipes: auto`` goes."""

    budget: Annotated[
        float | None,
        Field(
            gt=0,
            le=1e7,
            description="Seconds it may take; by default what a dozen default quantisations cost.",
        ),
    ] = None
    pools: Annotated[
        tuple[str, ...] | None,
        Field(min_length=1, strict=False, description="Pools to search on; the first by default."),
    ] = None
