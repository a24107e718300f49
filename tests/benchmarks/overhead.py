"""Print, as JSON, what evaluation and a whole run cost beyond the work itself, on sst2-minilm with top1.

``evaluation_ratio`` is CPU time of an evaluation over CPU time of the bare inference of the same batches,
both with one worker, interleaved, minimum of two. ``run_ratio`` is wall time of `inc-mlflow run` over the sum
of its steps' seconds.

Run as ``INC_REAL_MODELS=… .venv/bin/python tests/benchmarks/overhead.py``.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from inc_mlflow.engines.onnxruntime.runtime.runner import Runner
from inc_mlflow.measure.gate.judge import BASELINE
from inc_mlflow.measure.stats.outcomes import Scoring, evaluate_rows, outcomes_of
from inc_mlflow.metrics.resolve import resolve_metrics
from inc_mlflow.spec import Job
from inc_mlflow.steps.data import open_data

JOB = """
version: 1
name: overhead
model: {models}/sst2-minilm/fp32.onnx
data:
  calibration: {{path: {models}/sst2-minilm/train1k.npz, samples: 100}}
  validation: {{path: {models}/sst2-minilm/test.npz}}
metric: {{name: top1, output: logits}}
recipes: [{{method: dynamic}}]
gate: {{max_relative_drop: 0.02}}
"""


def evaluation_ratio(job: Job) -> float:
    """Compare evaluation, data reading and digests included, with inference alone."""
    run = Runner(job.model, threads=1)
    rows = [inputs for inputs, *_ in open_data(job).rows("validation", size=1)]
    pairs = [(cpu(lambda: bare(run, rows)), cpu(lambda: evaluate(job, run))) for _ in range(2)]
    return min(pair[1] for pair in pairs) / min(pair[0] for pair in pairs)


def bare(run: Runner, rows: list) -> None:
    """Run the model and nothing else."""
    for row in rows:
        run(row)


def evaluate(job: Job, run: Runner) -> None:
    """Do what the evaluate step does."""
    metric, *_ = resolve_metrics(job.spec, job.root, run.outputs)
    rows = ((inputs, labels) for inputs, labels, _ in open_data(job).rows("validation", size=1))
    scoring = Scoring(metric.keep, metric.score, metric.decomposable, metric.group)
    outcomes_of(
        evaluate_rows({BASELINE: run}, BASELINE, rows, scoring, workers=1), BASELINE, scoring, workers=1
    )


def run_ratio(job_file: Path) -> dict[str, float]:
    """Time a whole run from outside."""
    program = Path(sys.executable).with_name("inc-mlflow")
    start = time.monotonic()
    done = subprocess.run([program, "run", job_file, "--json"], capture_output=True, text=True)
    seconds = time.monotonic() - start
    steps = sum(json.loads(done.stdout)["seconds"].values())
    return {"run_seconds": seconds, "steps_seconds": steps, "run_ratio": seconds / steps}


def cpu(work: object) -> float:
    """CPU time of the process."""
    start = time.process_time()
    work()
    return time.process_time() - start


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "job.yaml"
        path.write_text(JOB.format(models=os.environ["INC_REAL_MODELS"]))
        print(json.dumps({"evaluation_ratio": evaluation_ratio(Job.load(path)), **run_ratio(path)}, indent=1))
