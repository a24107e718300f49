"""How a job names a TensorFlow model."""

from pathlib import Path
from typing import Annotated

from pydantic import Field

from inc_mlflow.remote import local_path
from inc_mlflow.sources.tensorflow.checkpoint_files import checkpoint_files
from inc_mlflow.spec.data import ModelPath
from inc_mlflow.spec.source import SourceSpec

_Tensors = Annotated[tuple[str, ...], Field(strict=False)]


class SavedModel(SourceSpec):
    """A folder as ``tf.saved_model.save`` and ``model.export`` write it."""

    saved_model: Annotated[ModelPath, Field(description="The folder with saved_model.pb.")]
    signature: Annotated[
        str | None, Field(description="Which signature; by default serving_default, or the only one.")
    ] = None
    tags: Annotated[
        tuple[str, ...], Field(strict=False, min_length=1, description="Tags of the graph to take.")
    ] = ("serve",)


class FrozenGraphFile(SourceSpec):
    """A graph of constants in a ``.pb`` file."""

    graph: Annotated[ModelPath, Field(description="The .pb file.")]
    inputs: Annotated[_Tensors, Field(description="Its inputs; by default the placeholders it needs.")] = ()
    outputs: Annotated[_Tensors, Field(description="Its outputs; by default the ends of the graph.")] = ()


class Checkpoint(SourceSpec):
    """A TensorFlow 1 checkpoint with its graph: ``.meta``, ``.index`` and ``.data-…`` of one prefix."""

    checkpoint: Annotated[
        ModelPath,
        Field(description="What the files' names begin with, or the folder of the only checkpoint."),
    ]
    inputs: Annotated[_Tensors, Field(description="Its inputs; by default the placeholders it needs.")] = ()
    outputs: Annotated[_Tensors, Field(description="Its outputs; by default those of its signature.")] = ()

    def files(self, root: Path) -> list[Path]:
        """Return the files of the checkpoint; raise ModelError where there is none."""
        return checkpoint_files(local_path(self.checkpoint, root))
