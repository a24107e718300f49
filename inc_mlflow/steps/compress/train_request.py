"""What the processes that share the training of a stage are told, and what they leave."""

from pathlib import Path
from typing import Self

from pydantic import BaseModel, ConfigDict

from inc_mlflow.files import write_text
from inc_mlflow.records import StageFacts

_REQUEST, _FACTS = "request.json", "stage.json"


class TrainRequest(BaseModel):
    """A stage of a job; paths are absolute. It is kept in a folder, which gets what the processes leave."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    job: str
    """The job's text."""
    root: str
    """Where its relative paths begin."""
    pool: str | None
    stage: int
    baseline: str
    previous: str
    checkpoints: str
    target: str
    """Folder of the changed module."""

    def save(self, folder: Path) -> None:
        """Write the request."""
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


def failure_file(folder: Path, rank: int) -> Path:
    """Return where a process writes the IncError that ends it."""
    return folder / f"failure-{rank:03}.json"


def failure_files(folder: Path) -> list[Path]:
    """Return what processes have written of errors, the first process's first."""
    return sorted(folder.glob("failure-*.json"))
