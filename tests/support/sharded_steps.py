"""Steps done in shards, on the first rows of the example."""

import json

from inc_mlflow.records import RECORD, Shard
from inc_mlflow.steps.measure.evaluate_shards import evaluate_shard
from inc_mlflow.steps.prepare.calibrate_shards import calibrate_shard

WHOLE_SPLIT = {"callable": "own.py:spread", "decomposable": False}
METRICS = ["top1", WHOLE_SPLIT]
OWN = """
import numpy as np

def spread(outputs, labels, reference):
    return float((outputs["logits"].argmax(1) == labels).mean() + 0 * reference["logits"].std())

def data(split):
    archive = np.load("{example}/dev.npz" if split == "validation" else "{example}/calib.npz")
    for start in range(0, 15, 6):
        yield {{"image": archive["image"][start : start + 6]}}, archive["label"][start : start + 6]
"""


def said(directory):
    """What a step's record says, but for the seconds it took."""
    return json.loads((directory / RECORD).read_text()) | {"seconds": 0}


def calibrated(job, models, folder, count):
    for shard in Shard.all(count):
        calibrate_shard(job, folder / f"{shard.number}", baseline=models["baseline"], shard=str(shard))
    return [folder / str(number) for number in range(count, 0, -1)]  # in an order of nobody's choice


def evaluated(job, models, folder, count):
    for shard in Shard.all(count):
        evaluate_shard(job, folder / f"{shard.number}", **models, shard=str(shard))
    return [folder / str(number) for number in range(count, 0, -1)]
