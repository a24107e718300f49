"""The source of PyTorch models: opens, exports and runs a module on the CPU, in eval mode."""

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from inc_mlflow.arrays import Arrays
from inc_mlflow.callables import load_callable, source_file, user_code
from inc_mlflow.errors import CallableError
from inc_mlflow.remote import local_path
from inc_mlflow.sources.pytorch.changed import load_changed
from inc_mlflow.sources.pytorch.examples import Examples, examples_of
from inc_mlflow.sources.pytorch.layers import layer_values
from inc_mlflow.sources.pytorch.options import TorchModel
from inc_mlflow.sources.pytorch.outputs import named_outputs
from inc_mlflow.sources.pytorch.weights import read_weights
from inc_mlflow.sources.source import Converted, framework_call

if TYPE_CHECKING:
    import torch

_MODEL = "model"


class TorchSource:
    """Opens what ``TorchModel`` names."""

    def open(self, spec: Any, root: Path, where: str = _MODEL, seed: int = 0) -> "OpenedModule":
        """Load the module with its weights; ``seed`` is that of what its function draws.

        Messages begin with ``where``, the field of the job that names the module.
        """
        if not spec.functions():
            from inc_mlflow.sources.pytorch.pretrained import open_pretrained

            module, examples = open_pretrained(local_path(spec.torch, root))
        else:
            module, examples = _built(spec, root, where, seed)
        module = _in_float32(module)
        if spec.trained is not None:
            load_changed(module, local_path(spec.trained, root))
        return OpenedModule(module.eval().requires_grad_(False), examples, where)


class OpenedModule:
    """A module and its example inputs."""

    def __init__(self, module: "torch.nn.Module", examples: Examples, where: str = _MODEL) -> None:
        self.module, self.examples, self._where = module, examples, where

    def convert(self, target: Path) -> Converted:
        """Export the module; see ``OpenedSource``."""
        from inc_mlflow.sources.pytorch.export import export_module

        return export_module(self.module, self.examples, target)

    def call(self, inputs: "Mapping[str, torch.Tensor]") -> "dict[str, torch.Tensor]":
        """Return the outputs of one batch; raise ModelError where the module does not run."""
        with framework_call(f"{self._where}: PyTorch cannot run it"):
            returned = self.examples.call(self.module, inputs)
        return named_outputs(returned, f"{self._where}.torch", self.examples.names)

    def run(self, inputs: Arrays, layers: Collection[str] = ()) -> Arrays:
        """Call the module; layers are modules inside it. See ``OpenedSource``."""
        import torch

        given = {name: torch.from_numpy(np.ascontiguousarray(inputs[name])) for name in self.examples.names}
        with torch.inference_mode(), layer_values(self.module, layers) as values:
            found = self.call(given)
        values |= found
        what = "what PyTorch computes is no array of NumPy's; return floats of 32 bits"
        with framework_call(f"{self._where}: {what}"):
            return {name: value.detach().numpy() for name, value in values.items()}

    def use_default_speed(self, threads: int) -> None:
        """Run on so many threads from now on; PyTorch is as fast as it is by default anyway."""
        import torch

        torch.set_num_threads(threads)


def _in_float32(module: "torch.nn.Module") -> "torch.nn.Module":
    """Return a module of bfloat16 with the same weights in float32, in which the baseline computes."""
    import torch

    tensors = (*module.parameters(), *module.buffers())
    return module.float() if any(one.dtype == torch.bfloat16 for one in tensors) else module


def _built(spec: TorchModel, root: Path, where: str, seed: int) -> "tuple[torch.nn.Module, Examples]":
    import torch

    field = f"{where}.torch"
    build, file = load_callable(spec.torch, root, field), source_file(spec.torch, root)
    torch.manual_seed(seed)  # weights that the function draws are the same in every process
    with user_code(file, field):
        made = build()
    if not (isinstance(made, tuple) and len(made) == 2 and isinstance(made[0], torch.nn.Module)):
        raise CallableError(f"{field}: {spec.torch} returns no (module, example inputs); return both")
    module, given = made
    if spec.weights is not None:
        state = read_weights(local_path(spec.weights, root), f"{where}.weights")
        with framework_call(f"{where}.weights: do not fit the module; give those that were saved of it"):
            module.load_state_dict(state)
    return module, examples_of(module, given, field)


SOURCE = TorchSource()
