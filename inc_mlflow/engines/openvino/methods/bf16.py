"""bf16: the baseline, computed with half of the bits where the CPU has instructions for it."""

from dataclasses import replace
from pathlib import Path

from inc_mlflow.engines.engine import MethodData
from inc_mlflow.engines.openvino.model_folder import read_ir, write_ir
from inc_mlflow.engines.openvino.options import Bf16
from inc_mlflow.engines.openvino.settings import of_precision


class Bf16Method:
    """Says in the model that it computes in bf16."""

    def check(self, recipe: Bf16) -> None:
        """There is nothing to refuse: the CPU of a pool is not known where a job is read."""

    def apply(self, baseline: Path, recipe: Bf16, data: MethodData, target: Path) -> None:
        """Write the candidate; raise ModelError where this CPU has no instructions for it."""
        of_precision("bf16", data.threads, f"recipe {recipe.label()!r}")
        model, about = read_ir(baseline)
        write_ir(model, replace(about, precision="bf16", graph_sha256=None), target)


METHOD = Bf16Method()
