"""Opens a folder as Hugging Face writes it: config.json and safetensors, by the classes of transformers."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from inc_mlflow.errors import MissingExtraError, ModelError
from inc_mlflow.sources.pytorch.examples import Examples, examples_of
from inc_mlflow.sources.pytorch.options import GIVE
from inc_mlflow.sources.source import framework_call

if TYPE_CHECKING:
    import torch

_TOKENS = ("input_ids", "attention_mask", "token_type_ids")
_LENGTHS = (8, 16)
"""Lengths of the examples' texts: they differ, so that the length of texts stays free."""


def open_pretrained(folder: Path) -> "tuple[torch.nn.Module, Examples]":
    """Return the model that the folder's configuration names, and examples of what it takes.

    Code that the folder holds is not run. Raises MissingExtraError where transformers is not installed,
    ModelError where the folder is none of its models.
    """
    try:
        import transformers
    except ModuleNotFoundError as error:
        raise MissingExtraError(
            f"model.torch: {folder} is a folder of Hugging Face's, which needs the package 'transformers'; "
            "pip install transformers"
        ) from error
    with framework_call(f"model.torch: {folder} is no model that transformers can load; {GIVE}"):
        config = transformers.AutoConfig.from_pretrained(
            folder, local_files_only=True, trust_remote_code=False
        )
        module = _model_class(transformers, config.architectures).from_pretrained(
            folder, local_files_only=True, use_safetensors=True, attn_implementation="eager"
        )
    return module, examples_of(module, _examples(module, folder), "model.torch")


def _model_class(transformers: Any, named: "list[str] | None") -> Any:
    """Return the class of the model; other classes of the package may read pickles, so no other is opened."""
    if not named:
        return transformers.AutoModel
    found = getattr(transformers, named[0], None)
    if not (isinstance(found, type) and issubclass(found, transformers.PreTrainedModel)):
        raise ModelError(f"model.torch: config.json names {named[0]!r}, no model of transformers; {GIVE}")
    return found


def _examples(module: Any, folder: Path) -> "list[dict[str, torch.Tensor]]":
    """Return examples of texts, or of what the model's main input else is."""
    import inspect

    import torch

    takes = inspect.signature(module.forward).parameters
    if module.main_input_name == "input_ids":
        names = [name for name in _TOKENS if name in takes]
        return [
            {name: torch.full((2, length), int(name != "token_type_ids")) for name in names}
            for length in _LENGTHS
        ]
    if module.main_input_name == "pixel_values":
        size = module.config.image_size
        height, width = (size, size) if isinstance(size, int) else size
        return [{"pixel_values": torch.zeros(2, getattr(module.config, "num_channels", 3), height, width)}]
    raise ModelError(
        f"model.torch: {folder} takes {module.main_input_name}, of which no example is known; {GIVE}"
    )
