"""A registered model with many promotions: tiny models, each logged and promoted as the gate does it."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import onnx
from onnx import TensorProto, helper

from inc_mlflow.files import model_sha256
from inc_mlflow.tracking.registry.create_ledger import create_ledger
from inc_mlflow.tracking.registry.ledger_turn import ledger_turn
from inc_mlflow.tracking.registry.versions import check_marked_models, register_version


@dataclass
class Growing:
    """A registered model whose champions follow one another."""

    client: Any
    name: str
    folder: Path
    made: int = 0

    def __post_init__(self) -> None:
        import mlflow

        self.experiment = self.client.create_experiment(self.name)
        self.package = self.folder / self.name
        mlflow.onnx.save_model(
            _tiny(), str(self.package), pip_requirements=["onnx"], save_as_external_data=False
        )

    def grow(self, promotions: int) -> None:
        """Promote until there were as many promotions."""
        while self.made < promotions:
            self.once_more()

    def once_more(self) -> None:
        """Promote one more model, which differs from the others by a word inside."""
        self.made += 1
        sha256, model_id = self._log(str(self.made))
        create_ledger(self.client, self.name)
        proven = check_marked_models(self.client, self.name, model_id, sha256, self.folder)
        with ledger_turn(self.client, self.name) as turn:
            made = register_version(self.client, self.name, model_id, sha256, {}, proven)
            assert made is not None
            marks = {
                "alias": "int8-champion",
                "version": made.version,
                "sha256": sha256,
                "model_id": made.model_id,
            }
            turn.write("promoted", recipe=f"variant {self.made}", **marks)

    def _log(self, variant: str) -> tuple[str, str]:
        file = self.package / "model.onnx"
        onnx.save(_tiny(variant), file)
        sha256 = model_sha256(file)
        model_id = self.client.create_logged_model(
            self.experiment, "variant", params={"inc.sha256": sha256}
        ).model_id
        self.client.log_model_artifacts(model_id, str(self.package))
        self.client.finalize_logged_model(model_id, "READY")
        return sha256, model_id


def _tiny(variant: str = "") -> onnx.ModelProto:
    x, y = (helper.make_tensor_value_info(name, TensorProto.FLOAT, [1]) for name in "xy")
    model = helper.make_model(
        helper.make_graph([helper.make_node("Identity", ["x"], ["y"])], "tiny", [x], [y])
    )
    helper.set_model_props(model, {"variant": variant})
    return model
