"""The present champion, where ledger and registry agree."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from inc_mlflow.records.ledger import LedgerEntry
from inc_mlflow.tracking.flavors.logged_models import engine_of_logged_model
from inc_mlflow.tracking.registry.aliases import check_absent, check_aliases
from inc_mlflow.tracking.registry.ledger import read_ledger
from inc_mlflow.tracking.registry.versions import download_model

if TYPE_CHECKING:
    from mlflow import MlflowClient


@dataclass(frozen=True)
class Champion:
    """The version that a champion's alias names."""

    version: str
    recipe: str
    sha256: str
    model_id: str

    @classmethod
    def of(cls, made: LedgerEntry) -> "Champion":
        """Read the entry that describes a version."""
        return cls(str(made.version), made.recipe or "unknown recipe", str(made.sha256), str(made.model_id))


def find_champion(client: "MlflowClient", name: str, alias: str) -> Champion | None:
    """Return the present champion; None where there is none.

    Raises ForeignError where the model or its alias is somebody else's, LedgerError where registry and ledger
    contradict each other.
    """
    ledger = read_ledger(client, name)
    if ledger is None:
        return None
    check_absent(client, ledger, alias)
    check_aliases(client, ledger)
    made = ledger.entry_of_alias(alias)
    return None if made is None else Champion.of(made)


def download_champion(client: "MlflowClient", champion: Champion, target: Path) -> tuple[str, Path]:
    """Fetch the champion's model into ``target``; return its engine and the model.

    Raises DataError where its bytes were altered.
    """
    params = client.get_logged_model(champion.model_id).params
    return engine_of_logged_model(params), download_model(champion.model_id, champion.sha256, target)
