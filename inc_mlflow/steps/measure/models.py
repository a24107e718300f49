"""The models measured in one run: baselines, present champion, candidates."""

from collections.abc import Sequence
from pathlib import Path

from inc_mlflow.files import model_bytes, model_sha256
from inc_mlflow.records import INT8, CandidatesRecord, ChampionRecord, Model
from inc_mlflow.registry.engines import DEFAULT_ENGINE, ENGINES
from inc_mlflow.steps.baselines import engine_taking, load_baselines

CANDIDATE = "candidate"
"""Label of a single model that is measured against the baseline."""


def models_under_test(baseline: Path, champion: Path, candidates: Path) -> list[Model]:
    """Return the models of three step directories, baselines first; a champion is not listed twice."""
    made = CandidatesRecord.load(candidates).candidates
    models = [
        _model(fp32.label, fp32.engine.name, fp32.path, fp32.sha256)
        for fp32 in load_baselines(baseline).values()
    ]
    models += [
        _model(one.label, one.engine, candidates / one.path, one.sha256, one.precision) for one in made
    ]
    return [*models, *_champion(champion, {model.sha256 for model in models})]


def model_at(label: str, path: Path, engines: Sequence[str]) -> Model:
    """Return the description of a model file that a user names; raise ModelError where it is no model."""
    engine = engine_taking(path, engines)
    engine.interface(path)
    return _model(label, engine.name, path, model_sha256(path))


def _champion(directory: Path, present: set[str]) -> list[Model]:
    record = ChampionRecord.load(directory)
    if record.model_sha256 is None or record.model_sha256 in present:
        return []
    engine = record.engine or DEFAULT_ENGINE
    path = directory / ENGINES.get(engine).model_name
    return [_model(f"champion v{record.version}: {record.recipe}", engine, path, record.model_sha256)]


def _model(label: str, engine: str, path: Path, sha256: str, precision: str = INT8) -> Model:
    return Model(
        label=label,
        engine=engine,
        path=str(path.resolve()),
        sha256=sha256,
        size_bytes=model_bytes(path),
        precision=precision,
    )
