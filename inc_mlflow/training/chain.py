"""The method of a chain, behind its stages: what it does with their imported model."""

from pathlib import Path

from inc_mlflow.engines.engine import MethodData
from inc_mlflow.files import copy_model
from inc_mlflow.registry.methods import METHODS, method_name
from inc_mlflow.spec.chain import Chain


class ChainMethod:
    """Applies the last recipe; a chain of stages alone gives the model that they made."""

    def check(self, recipe: Chain) -> None:
        """Raise ModelError where one of the recipes is not possible."""
        for one in recipe.recipes:
            METHODS.get(method_name(one.engine, one.method)).check(one)

    def apply(self, baseline: Path, recipe: Chain, data: MethodData, target: Path) -> None:
        """Write the candidate; ``baseline`` is the model behind the last stage."""
        last = recipe.final
        if last is None:
            copy_model(baseline, target)
            return
        METHODS.get(method_name(last.engine, last.method)).apply(baseline, last, data, target)


METHOD = ChainMethod()
