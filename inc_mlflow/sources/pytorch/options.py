"""How a job names a PyTorch model."""

import re
from pathlib import Path
from typing import Annotated, Self

from pydantic import Field, field_validator, model_validator

from inc_mlflow.spec.data import LocalPath, ModelPath, in_artifact, inside_artifact, possible_path
from inc_mlflow.spec.source import SourceSpec

_FUNCTION = re.compile(r"^.+\.py:\w+$")
GIVE = (
    "give a function that builds the module, and its weights: {torch: model.py:build, weights: w.safetensors}"
)
_SAVED = {
    ".jit": f"TorchScript is a program, which is not run; {GIVE}",
    ".pkl": f"a pickle may run code, which is not done; {GIVE}",
    ".safetensors": f"these are weights without their module; {GIVE}",
}
_PICKLED = f"the file holds weights at best, and a pickled module may run code, which is not done; {GIVE}"


class TorchModel(SourceSpec):
    """A module that a function of the user's builds, or a folder as Hugging Face writes it."""

    torch: Annotated[
        str,
        Field(
            description="A function that returns (module, example inputs), as model.py:build; "
            "or a folder with config.json and safetensors."
        ),
    ]
    weights: Annotated[
        ModelPath | None,
        Field(description="Its state dict: .safetensors, or what torch.save wrote of tensors alone."),
    ] = None

    reads: Annotated[
        tuple[LocalPath, ...],
        Field(strict=False, description="Files that the function reads: they are part of the model."),
    ] = ()

    trained: Annotated[
        LocalPath | None,
        Field(description="Folder in which pruning or distillation left the module: its weights, and sizes."),
    ] = None

    @field_validator("torch")
    @classmethod
    def _a_program(cls, given: str) -> str:
        suffix = next((one for one in (*_SAVED, ".pt", ".pth", ".ckpt", ".bin") if given.endswith(one)), None)
        if suffix:
            raise ValueError(f"{given}: {_SAVED.get(suffix, _PICKLED)}")
        return inside_artifact(given) if in_artifact(given) else possible_path(given)

    @model_validator(mode="after")
    def _weights_of_a_function(self) -> Self:
        if self.weights is not None and not self.functions():
            raise ValueError(f"weights: {self.torch} is a folder, which has its own; leave it out")
        return self

    def functions(self) -> dict[str, str]:
        """Return the function that builds the module."""
        return {"torch": self.torch} if _FUNCTION.match(self.torch) else {}

    def paths(self) -> dict[str, str]:
        """Return the weights and what the function reads, or the folder."""
        weights = {"weights": self.weights} if self.weights is not None else {}
        read = {f"reads[{place}]": path for place, path in enumerate(self.reads)}
        trained = {"trained": self.trained} if self.trained is not None else {}
        return (weights if self.functions() else {"torch": self.torch}) | read | trained

    def changed(self, folder: Path) -> "TorchModel":
        """Return the module as a stage left it in ``folder``."""
        return self.model_copy(update={"trained": str(folder), "weights": None})
