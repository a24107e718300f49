"""int8: one model from source to a judged, logged and, if it earned it, promoted INT8 model."""

from kfp import dsl

from inc_mlflow.components.benchmark import benchmark
from inc_mlflow.components.calibrate import calibrate
from inc_mlflow.components.champion import fetch_champion
from inc_mlflow.components.evaluate import evaluate
from inc_mlflow.components.gate import gate
from inc_mlflow.components.import_model import import_model
from inc_mlflow.components.promote import promote
from inc_mlflow.components.quantize import quantize
from inc_mlflow.components.track import track


def _live(task: dsl.PipelineTask) -> dsl.PipelineTask:
    """Never take a result from KFP's cache: it depends on files under a path, on this hardware, or on a server's answer."""
    return task.set_caching_options(enable_caching=False)


@dsl.pipeline(name="int8", description="Calibrate, quantise, evaluate, benchmark, judge and promote one model.")
def int8(job: str, root: str = ".") -> None:
    """Run one job; ``job`` is its canonical text, ``root`` where its relative paths start."""
    baseline = _live(import_model(job=job, root=root)).outputs["baseline"]
    champion = _live(fetch_champion(job=job, root=root)).outputs["champion"]
    ranges = _live(calibrate(job=job, root=root, baseline=baseline)).outputs["ranges"]
    candidates = quantize(job=job, root=root, baseline=baseline, ranges=ranges).outputs["candidates"]
    models = {"baseline": baseline, "champion": champion, "candidates": candidates}
    evaluated = _live(evaluate(job=job, root=root, **models))
    evaluation = evaluated.outputs["evaluation"]
    # Nothing else may run while speed is measured.
    speed = _live(benchmark(job=job, root=root, **models)).after(evaluated).outputs["speed"]
    judged = gate(job=job, root=root, **models, evaluation=evaluation, speed=speed)
    found = {"evaluation": evaluation, "speed": speed, "judgement": judged.outputs["judgement"]}
    logged = _live(track(job=job, root=root, baseline=baseline, candidates=candidates, **found))
    with dsl.If(judged.outputs["Output"] == "pass", name="passed"):
        judgement, tracking = judged.outputs["judgement"], logged.outputs["tracking"]
        _live(promote(job=job, root=root, champion=champion, judgement=judgement, tracking=tracking))
