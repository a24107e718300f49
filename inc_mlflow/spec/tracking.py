"""Where MLflow keeps the results."""

from typing import Annotated

from pydantic import Field, field_validator

from inc_mlflow.spec.spec_model import SpecModel


class TrackingSpec(SpecModel):
    """Where MLflow keeps the results; command line and environment come first."""

    uri: Annotated[
        str | None, Field(description="Tracking server; a SQLite file beside the job by default.")
    ] = None
    registry_uri: Annotated[
        str | None, Field(description="Registry server; the tracking server by default.")
    ] = None
    experiment: Annotated[str | None, Field(description="The job's name by default.")] = None
    registered_model: Annotated[
        str | None, Field(pattern=r"^[^/:'\"]+$", description="The job's name by default.")
    ] = None
    alias_prefix: Annotated[
        str,
        Field(
            pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]{0,99}$",
            description="Of the aliases PREFIX-champion, -champion-POOL, -challenger.",
        ),
    ] = "int8"

    @field_validator("uri", "registry_uri")
    @classmethod
    def _no_secret(cls, uri: str | None) -> str | None:
        if uri is not None and "@" in uri.partition("://")[2].partition("/")[0]:
            raise ValueError(
                "no user or password in a job; set MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD"
            )
        return uri
