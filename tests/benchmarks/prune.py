"""What pruning costs a CNN on handwritten digits: the pairs of score and pattern of a published table.

    .venv/bin/python -m tests.benchmarks.prune pairs DIGITS.npz PUBLISHED.csv [PATTERN ...]
    .venv/bin/python -m tests.benchmarks.prune seeds DIGITS.npz [SEEDS]

DIGITS.npz is described in `wide_cnn`. PUBLISHED.csv has columns `algorithm`, `pattern` and `relative_drop`. Prints
JSON. `pairs`: accuracy of the dense module; for each pair, or each with a PATTERN, the sparsity counted in the ONNX
file, accuracy and relative drop. `seeds`: accuracies of snip_momentum and magnitude at 80 % in blocks 4x1, and the
mean of their differences with its interval (Student's t, 95 %).
"""

import csv
import json
import sys
import tempfile
from pathlib import Path

import numpy as np
from scipy import stats

from inc_mlflow.engines.onnxruntime.analysis.layer_weights import layer_weights
from inc_mlflow.engines.trainable import TuningOutcome
from inc_mlflow.sources.pytorch.source import SOURCE
from inc_mlflow.sources.stage import StageData
from inc_mlflow.spec.training import TrainingSpec
from inc_mlflow.training.prune.method import METHOD
from inc_mlflow.training.prune.options import Prune
from tests.benchmarks.wide_cnn import EXCLUDED, WideCnn, trained

PAIRS = (  # as published: score, pattern, share, balanced, words of the table
    ("snip_momentum", "4x1", 0.8, False, ("snip momentum", "structured 4x1")),
    ("snip_momentum", "2:4", 0.5, None, ("snip momentum", "structured 2:4")),
    ("snip_momentum", "channel", 0.5, None, ("snip momentum", "structured per channel")),
    ("snip_momentum", "2x1", 0.75, False, ("snip momentum", "structured 2x1")),
    ("snip_momentum", "unstructured", 0.8, False, ("snip momentum", "unstructured")),
    ("group_lasso", "2x1", 0.8, False, ("group lasso", "structured 2x1")),
    ("magnitude", "unstructured", 0.7, True, ("Prune once for all", "unstructured")),
    ("magnitude", "1:2", 0.5, None, ("Prune once for all", "structured 1:2")),
    ("gradient", "unstructured", 0.2, True, ("gradient sensitivity", "unstructured")),
)
WIDTH = 24


def pruned(recipe: Prune, seed: int, cnn: WideCnn) -> dict:
    """Return what became of one recipe."""
    x, labels = cnn.choosing

    def score(model):
        hits = next(iter(model({"input": x}).values())).argmax(1) == labels
        return TuningOutcome(hits.astype("f8"), np.zeros(0))

    with tempfile.TemporaryDirectory() as folder:
        made, state = Path(folder) / "made", Path(folder) / "state"
        state.mkdir()
        data = StageData(
            source=cnn.source,
            dense=cnn.source,
            root=cnn.root,
            rows=lambda: iter([({"input": cnn.training[0]}, cnn.training[1])]),
            fixed_batch=None,
            spec=TrainingSpec(epochs=3, seed=seed, learning_rate=0.003),
            loss=None,
            output=None,
            score=score,
            state=state,
        )
        return counted(recipe, data, made) | {"accuracy": cnn.accuracy(cnn.source.changed(made))}


def counted(recipe: Prune, data: StageData, made: Path) -> dict:
    """Prune, export, and return what is zero in the file and how small it is."""
    facts = METHOD.train(recipe, data, made)
    SOURCE.open(data.source.changed(made), data.root).convert(made / "file.onnx")
    facts = METHOD.check_exported(recipe, facts, made, list(layer_weights(made / "file.onnx")))
    if facts.pruning is None:
        raise TypeError("prune: no facts of pruning")
    return {
        "recipe": recipe.label(),
        "sparsity": facts.pruning.sparsity,
        "parameters": facts.pruning.parameters_after / facts.pruning.parameters_before,
        "packed": facts.pruning.compressed,
    }


def published(path: str) -> dict[tuple[str, str], list[str]]:
    found: dict[tuple[str, str], list[str]] = {}
    with Path(path).open() as file:
        for row in csv.DictReader(file):
            key = row["algorithm"], row["pattern"].split("(")[0].strip()
            found.setdefault(key, []).append(row["relative_drop"])
    return found


def recipe_of(score: str, pattern: str, share: float, balanced: bool | None, excluded: tuple) -> Prune:
    options = {"score": score, "pattern": pattern, "sparsity": share, "balanced": balanced}
    return Prune.model_validate({**options, "excluded": [] if pattern == "channel" else list(excluded)})


def interval(differences: np.ndarray) -> list[float]:
    """Return the mean and both ends of its 95 % interval."""
    mean, error = float(differences.mean()), float(stats.sem(differences))
    half = float(stats.t.ppf(0.975, len(differences) - 1)) * error
    return [mean, mean - half, mean + half]


def pairs(cnn: WideCnn, table: str, *patterns: str) -> None:
    dense, theirs = cnn.accuracy(cnn.source), published(table)
    print(json.dumps({"dense": dense}), flush=True)
    for *pair, words in PAIRS:
        if patterns and pair[1] not in patterns:
            continue
        found = pruned(recipe_of(*pair, EXCLUDED), 0, cnn)
        drop = (dense - found["accuracy"]) / dense
        print(json.dumps({**found, "relative_drop": drop, "published": theirs.get(words)}), flush=True)


def seeds(cnn: WideCnn, count: int) -> None:
    print(json.dumps({"dense": cnn.accuracy(cnn.source)}), flush=True)
    found: dict[str, list[float]] = {"magnitude": [], "snip_momentum": []}
    for seed in range(count):
        for score, accuracies in found.items():
            recipe = recipe_of(score, "4x1", 0.8, False, EXCLUDED)
            accuracies.append(pruned(recipe, seed, cnn)["accuracy"])
    difference = np.array(found["snip_momentum"]) - np.array(found["magnitude"])
    print(json.dumps({**found, "difference": interval(difference)}), flush=True)


def main(what: str, archive: str, *given: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        cnn = trained(archive, Path(folder), WIDTH)
        if what == "pairs":
            pairs(cnn, *given)
        else:
            seeds(cnn, int(given[0]) if given else 5)


if __name__ == "__main__":
    main(*sys.argv[1:])
