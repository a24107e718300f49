"""Create a registered model with its ledger: of many gates at once the model's unique name lets one win."""

from typing import TYPE_CHECKING

from inc_mlflow.tracking.registry.ledger import LEDGER, find_model
from inc_mlflow.tracking.runs.gate_runs import OWNER, create_gate_run
from inc_mlflow.tracking.server.get_or_create import get_or_create

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities.model_registry import RegisteredModel

_NOTE = "Promotions of the registered model {name}, append-only. Read them with `inc-mlflow history {name}`."


def create_ledger(client: "MlflowClient", name: str, adopt: bool = False) -> None:
    """Create a registered model and its ledger where there is none.

    A model that somebody else created gets a ledger only with ``adopt``; without it nothing is changed.
    """
    model = find_model(client, name)
    if model is not None and LEDGER not in model.tags and adopt:
        client.set_registered_model_tag(
            name, LEDGER, create_gate_run(client, name, "ledger", _NOTE.format(name=name))[1]
        )
    elif model is None:
        _make(client, name)


def _make(client: "MlflowClient", name: str) -> None:
    experiment_id, run_id = create_gate_run(client, name, "ledger", _NOTE.format(name=name))
    model = get_or_create(lambda: find_model(client, name), lambda: _create(client, name, run_id))
    if model.tags.get(LEDGER) != run_id:  # another gate was faster, or somebody else
        client.delete_experiment(experiment_id)


def _create(client: "MlflowClient", name: str, run_id: str) -> "RegisteredModel":
    return client.create_registered_model(name, tags=OWNER | {LEDGER: run_id})
