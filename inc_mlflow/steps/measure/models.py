"""The models that are measured side by side: baseline, present champion, candidates."""

from pathlib import Path

from inc_mlflow.engines.onnxruntime.graph.model_file import read_structure
from inc_mlflow.files import MODEL, model_bytes, model_sha256
from inc_mlflow.records import BASELINE, CandidatesRecord, ChampionRecord, ImportRecord, Model

CANDIDATE = "candidate"
"""Label of a model that is measured against the baseline alone."""


def side_by_side(baseline: Path, champion: Path, candidates: Path) -> list[Model]:
    """List the models of three step directories, baseline first.

    A champion that is also a candidate counts once.
    """
    record, made = ImportRecord.load(baseline), CandidatesRecord.load(candidates)
    models = [_model(BASELINE, baseline / MODEL, record.model_sha256)]
    models += [_model(one.label, candidates / one.path, one.sha256) for one in made.candidates]
    return [*models, *_champion(champion, {model.sha256 for model in models})]


def model_at(label: str, path: Path) -> Model:
    """Describe a model file that a user names; ModelError where it is none."""
    read_structure(path)
    return _model(label, path, model_sha256(path))


def _champion(directory: Path, present: set[str]) -> list[Model]:
    record = ChampionRecord.load(directory)
    if record.model_sha256 is None or record.model_sha256 in present:
        return []
    return [_model(f"champion v{record.version}: {record.recipe}", directory / MODEL, record.model_sha256)]


def _model(label: str, path: Path, sha256: str) -> Model:
    return Model(label=label, path=str(path.resolve()), sha256=sha256, size_bytes=model_bytes(path))
