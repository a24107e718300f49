"""The models that are measured side by side: baseline, present champion, candidates."""

from pathlib import Path

from inc_mlflow.measure.gate import BASELINE, Model
from inc_mlflow.records import CandidatesRecord, ChampionRecord, ImportRecord
from inc_mlflow.storage import MODEL, model_bytes


def side_by_side(baseline: Path, champion: Path, candidates: Path) -> list[Model]:
    """List the models of three step directories, baseline first; a champion that is also a candidate counts once."""
    record = ImportRecord.load(baseline)
    made = CandidatesRecord.load(candidates)
    models = [Model(BASELINE, _path(baseline), record.model_sha256, record.model_bytes)]
    models += [Model(one.label, str((candidates / one.path).resolve()), one.sha256, one.size_bytes) for one in made.candidates]
    return [*models, *_champion(champion, {model.sha256 for model in models})]


def _champion(directory: Path, present: set[str]) -> list[Model]:
    record = ChampionRecord.load(directory)
    if record.model_sha256 is None or record.model_sha256 in present:
        return []
    path = directory / MODEL
    return [Model(f"champion v{record.version}: {record.recipe}", _path(directory), record.model_sha256, model_bytes(path))]


def _path(directory: Path) -> str:
    return str((directory / MODEL).resolve())
