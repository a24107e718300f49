"""Print as JSON the cost of 1,000 resamples of two models for every metric that does not decompose.

    python tests/benchmarks/metrics.py [rows [metric …]]

5,000 rows by default: sentences of 20 words, rows of 128 tokens, 19 classes of pixels; images with 7 objects
and 36 detections of 80 classes, as a detector gives on COCO, and with 100 detections, the most that COCO
counts.
"""

import json
import sys
import time

import numpy as np

from inc_mlflow.hardware.probe import usable_cores
from inc_mlflow.measure.stats.resample import resample
from inc_mlflow.registry.metrics import METRICS

RANDOM = np.random.default_rng(0)
WORDS = [f"word{number}" for number in range(2000)]
TAGS = ["O", *(f"{start}-{kind}" for kind in ("HEADER", "QUESTION", "ANSWER") for start in "BI")]


def classes(rows, count=10):
    labels = RANDOM.integers(0, count, rows)
    return {"logits": np.eye(count)[labels] + RANDOM.normal(size=(rows, count))}, labels


def numbers(rows):
    labels = RANDOM.integers(0, 2, rows)
    return {"scores": labels + RANDOM.normal(size=rows)}, labels


def texts(rows):
    labels = np.array([" ".join(RANDOM.choice(WORDS, 20)) for _ in range(rows)])
    return {"text": np.array([f"{text} {RANDOM.choice(WORDS)}" for text in labels])}, labels


def tokens(rows, length=128):
    labels = RANDOM.integers(0, len(TAGS), (rows, length))
    return {"logits": np.eye(len(TAGS))[labels] + RANDOM.normal(size=(rows, length, len(TAGS)))}, labels


def pixels(rows):
    labels = RANDOM.integers(0, 19, (rows, 8, 8))
    return {"logits": RANDOM.normal(size=(rows, 19, 8, 8)) + np.moveaxis(np.eye(19)[labels], -1, 1)}, labels


def pairs(rows):
    pair = np.arange(rows) // 2
    return {"embedding": RANDOM.normal(size=(rows, 512))}, np.stack([pair, pair % 2], 1)


def images(rows, detections=36, objects=7):
    corner = RANDOM.random((rows, objects, 2)) * 500
    boxes = np.concatenate([corner, corner + 20 + RANDOM.random((rows, objects, 2)) * 100], axis=2)
    kinds = RANDOM.integers(0, 80, (rows, objects, 1))
    seen = RANDOM.integers(0, objects, (rows, detections))
    each = np.arange(rows)[:, None]
    found = boxes[each, seen] + RANDOM.normal(size=(rows, detections, 4)) * 5
    outputs = {"boxes": found, "scores": RANDOM.random((rows, detections)), "classes": kinds[each, seen, 0]}
    return outputs, np.concatenate([boxes, kinds], axis=2)


CASES = {
    "auroc": (numbers, {}),
    "bleu": (texts, {}),
    "coco_map": (images, {}),
    "coco_map of 100 detections": (lambda rows: images(rows, 100), {}),
    "entity_f1": (tokens, {"tags": TAGS}),
    "f1_binary": (lambda rows: classes(rows, 2), {}),
    "f1_macro": (classes, {}),
    "matthews": (classes, {}),
    "miou": (pixels, {}),
    "pearson": (numbers, {}),
    "perplexity": (tokens, {}),
    "spearman": (numbers, {}),
    "token_accuracy": (tokens, {}),
    "verification": (pairs, {}),
    "wer": (texts, {}),
}


def measure(name, rows):
    make, options = CASES[name]
    metric = METRICS.get(name.partition(" ")[0]).model_validate(options)
    outputs, labels = make(rows)
    begin = time.perf_counter()
    kept = metric.group(metric.statistics(outputs, labels))
    middle = time.perf_counter()
    resample({"baseline": kept, "int8": kept}, "baseline", metric.score, len(usable_cores()))
    return {"statistics_s": round(middle - begin, 2), "resamples_s": round(time.perf_counter() - middle, 1)}


def main() -> None:
    rows = int(sys.argv[1]) if len(sys.argv) > 1 else 5000
    names = sys.argv[2:] or list(CASES)
    result = {"rows": rows, "cores": len(usable_cores())} | {name: measure(name, rows) for name in names}
    print(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
