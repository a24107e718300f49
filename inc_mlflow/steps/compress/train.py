"""train: one stage of a chain changes the source's module, and its model is imported as any source is."""

from dataclasses import replace
from pathlib import Path

from inc_mlflow.files import sha256_text
from inc_mlflow.records import ImportRecord, StageFacts
from inc_mlflow.registry.engines import ENGINES
from inc_mlflow.registry.sources import converter
from inc_mlflow.registry.stages import stage_method
from inc_mlflow.spec import Job, SourceSpec
from inc_mlflow.spec.source import parse_source
from inc_mlflow.spec.stages import Stage, stages_of
from inc_mlflow.steps.compress.beginnings import STAGE_RANGES
from inc_mlflow.steps.compress.checkpoints import checkpoint_folder
from inc_mlflow.steps.compress.stage_notes import stage_notes
from inc_mlflow.steps.compress.stage_training import MODULE, train_stage
from inc_mlflow.steps.compress.train_apart import train_apart
from inc_mlflow.steps.prepare.calibrate import calibrate_stage
from inc_mlflow.steps.prepare.import_model import first_rows, import_baselines
from inc_mlflow.steps.prepare.parity import Conversion, with_parity
from inc_mlflow.steps.step import step


@step("stage", ImportRecord)
def train(job: Job, target: Path, *, baseline: Path, previous: Path, stage: str) -> ImportRecord:
    """Change the module that the stage ``previous`` left, or the source's own, and import what comes of it.

    ``baseline`` is the import of the job's source, ``previous`` the same folder for a first stage. The record
    is that of an import, with facts about the stage; the statistics of the recipes that begin with its model
    are in the folder ``ranges``. Raises ModelError where the module cannot be changed or exported so.
    """
    one = stages_of(job.spec.listed)[int(stage) - 1]
    trained = train_stage if job.spec.training.processes == 1 else train_apart
    own = f"{one.number}-{sha256_text(one.recipe.model_dump_json())[:12]}"
    with checkpoint_folder(job, own) as folder:
        facts = trained(job, one, baseline, previous, folder, target / MODULE)
    source = parse_source(facts.source).changed((target / MODULE).resolve())
    record = _imported(job, source, target)
    facts = _counted(job, one, facts, record, target)
    facts = facts.model_copy(update={"number": one.number})
    record = record.model_copy(update={"stage": facts, "notes": (*stage_notes(facts), *record.notes)})
    if one.ends:
        record.save(target)  # the calibration reads it
        calibrate_stage(job, target, target / STAGE_RANGES, one.number)
    return record


def _imported(job: Job, source: SourceSpec, target: Path) -> ImportRecord:
    """Convert, import and compare a changed module, as the import does with the job's source."""
    file = converter()(source, job.root)
    rows = first_rows(replace(job, converted=file))
    record = import_baselines(file, job.spec.engines, target, rows)
    return with_parity(Conversion(source, job.root, file), record, target, rows)


def _counted(job: Job, stage: Stage, facts: StageFacts, record: ImportRecord, target: Path) -> StageFacts:
    """Return the facts as counted in the exported file, where the engine can read its weights."""
    analysis, source = ENGINES.get(job.spec.engines[0]).analysis, record.framework_source
    if analysis is None or source is None:
        return facts
    weights = list(analysis.layer_weights(target / source.file))
    return stage_method(stage.recipe).check_exported(stage.recipe, facts, target / MODULE, weights)
