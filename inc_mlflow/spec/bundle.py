"""The job's files on a cluster."""

from typing import Annotated, Self

from pydantic import Field, model_validator

from inc_mlflow.remote import check_bundle_file
from inc_mlflow.spec.spec_model import SpecModel


class Bundle(SpecModel):
    """The job's local files, where a cluster finds them; only `submit` and `compile --bundle` write it."""

    uri: Annotated[str, Field(description="Folder of the files, each under its sha256.")]
    files: Annotated[
        dict[str, str],
        Field(
            description="Path relative to the job -> sha256 of the file, or of a folder's list: "
            "that path ends with /."
        ),
    ]

    @model_validator(mode="after")
    def _confined(self) -> Self:
        for name, digest in self.files.items():
            check_bundle_file(name, digest)
        return self
