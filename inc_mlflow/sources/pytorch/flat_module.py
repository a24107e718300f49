"""A module that takes and returns tensors alone, around one that takes and returns anything."""

import torch

from inc_mlflow.sources.pytorch.module_call import ModuleCall
from inc_mlflow.sources.pytorch.outputs import named_outputs


class FlatModule(torch.nn.Module):
    """Takes the tensors of a call in the order of their names, and returns its outputs in their order."""

    def __init__(self, module: torch.nn.Module, call: ModuleCall, names: list[str]) -> None:
        super().__init__()
        self.module, self._call, self._names = module, call, names

    def forward(self, *tensors: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """ModuleCall the module; see the class."""
        returned = self._call(self.module, dict(zip(self._names, tensors, strict=True)))
        return tuple(named_outputs(returned, "model.torch", self._names).values())
