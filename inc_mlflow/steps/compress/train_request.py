"""What the processes that share the training of a stage are told, and what they leave."""

from pathlib import Path
from typing import Self

from pydantic import BaseModel, ConfigDict

from inc_mlflow.files import write_text
from inc_mlflow.records import StageFacts
from inc_mlflow.steps.compress.train_exchange import GIVEN, MADE

_REQUEST, _FACTS = f"{GIVEN}/request.json", f"{MADE}/stage.json"


class TrainRequest(BaseModel):
    """A stage of a job; folders are absolute, or relative to that of the exchange."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    job: str
    """The job's text."""
    root: str
    """Where its relative paths begin, unless its files are in a bundle."""
    pool: str
    stage: int
    baseline: str
    previous: str
    checkpoints: str

    def save(self, folder: Path) -> None:
        """Write the request into an exchange."""
        write_text(folder / _REQUEST, self.model_dump_json())

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read it."""
        return cls.model_validate_json((folder / _REQUEST).read_text())


def save_facts(folder: Path, facts: StageFacts) -> None:
    """Write what the first process has found."""
    write_text(folder / _FACTS, facts.model_dump_json())


def load_facts(folder: Path) -> StageFacts:
    """Read it."""
    return StageFacts.model_validate_json((folder / _FACTS).read_text())


def module_folder(folder: Path) -> Path:
    """Return where the first process writes the changed module."""
    return folder / MADE / "module"


def failure_file(folder: Path, rank: int) -> Path:
    """Return where a process writes the IncError that ends it."""
    return folder / MADE / f"failure-{rank:03}.json"


def failure_files(folder: Path) -> list[Path]:
    """Return what processes have written of errors, the first process's first."""
    return sorted((folder / MADE).glob("failure-*.json"))
