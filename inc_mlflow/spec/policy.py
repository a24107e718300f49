"""The gate's own policy: the limits of a job's gate, and settings that only the gate's identity may use."""

from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, ValidationError, model_validator

from inc_mlflow.errors import SpecError
from inc_mlflow.remote import is_remote
from inc_mlflow.spec.data import RemotePath
from inc_mlflow.spec.gate import GateSpec
from inc_mlflow.spec.spec_model import spec_error
from inc_mlflow.spec.text import read_mapping, read_text, reading


class PolicySpec(GateSpec):
    """A policy file (YAML): `promote --policy` judges by it, whatever the job says.

    A job that names a policy file takes its limits.
    """

    version: Annotated[Literal[1], Field(description="Version of this format.")]
    recheck: Annotated[
        int | None,
        Field(ge=1, le=10**9, description="Validation rows that the gate runs itself, on data of its own."),
    ] = None
    data: Annotated[
        RemotePath | None,
        Field(
            description="Folder or s3://bucket/prefix with the job's data files, "
            "which pipelines cannot write."
        ),
    ] = None
    recheck_seconds: Annotated[int, Field(ge=1, description="Time that running them may take.")] = 600
    reading_seconds: Annotated[int, Field(ge=1, description="CPU time that reading a request may take.")] = 8
    judging_seconds: Annotated[
        int, Field(ge=1, description="CPU time that judging it may take, however many rows.")
    ] = 600
    reading_mib: Annotated[
        int, Field(ge=1, description="Memory that reading and judging a request may take.")
    ] = 640
    approval: Annotated[bool, Field(description="A person has to approve each promotion.")] = False
    ledgers: Annotated[
        dict[str, str],
        Field(
            description="Registered model: the run with its ledger, as the gate made it. "
            "No other one is believed then."
        ),
    ] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _own_data(self) -> Self:
        if (self.recheck is None) != (self.data is None):
            raise ValueError(
                "recheck and data come together: rows are run again on data that pipelines cannot write"
            )
        return self

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read a policy file; ``data`` is relative to it.

        Raises SpecError with one line that names file and field.
        """
        with reading(path, "a gate policy"):
            try:
                policy = cls.model_validate(read_mapping(read_text(path), "policy"))
            except ValidationError as error:
                raise SpecError(str(spec_error(error)).removeprefix("job: ")) from error
        if policy.data is None or is_remote(policy.data):
            return policy
        return policy.model_copy(update={"data": str(path.resolve().parent / policy.data)})

    @property
    def limits(self) -> GateSpec:
        """The part of the policy on which a judgement depends."""
        return GateSpec.model_validate(self.model_dump(include=set(GateSpec.model_fields)))
