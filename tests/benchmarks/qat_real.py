"""What training gives back of what the plain static recipe loses, on three real models.

    .venv/bin/python -m tests.benchmarks.qat_real MODELS FOLDER [NAME ...] [--fp32 NAME=IMPORTED.onnx ...]

MODELS is the folder with onet-faces, fer-h5, sst2-minilm and musicnn-ckpt. Each job goes from the model's file to
validation; what a framework wrote that is not installed here comes as its imported baseline. Rows of training are
those of calibration (without labels where there are none), moved and mirrored where they are pictures. Prints JSON:
of each recipe accuracy and drop on validation, and how it was trained.
"""

import argparse
import json
import subprocess
import sys
from pathlib import Path

PROGRAM = Path(sys.executable).with_name("inc-mlflow")
JOB = """
version: 1
name: {name}
model: {model}
data:
  training: {training}
  calibration: {{path: {folder}/{calib}.npz{inputs}{samples}}}
  tuning: {{path: {folder}/{tune}.npz{inputs}}}
  validation: {{path: {folder}/test.npz{inputs}}}
metric: {metric}
training: {settings}
recipes: [{{method: static}}, {{method: qat}}]
gate: {{max_relative_drop: 0.01}}
"""
ROWS = """
import numpy as np

COPIES = {copies}


def training(split):
    '''Each picture several times: mirrored, moved by some pixels, brighter or darker.'''
    with np.load("{rows}") as file:
        rows, labels = file["{name}"].astype("f4"), file["label"] if "label" in file else None
    high, wide = {axes}
    for copy in range(COPIES):
        random = np.random.default_rng(copy)
        moved = np.empty_like(rows)
        for number, row in enumerate(rows):
            if copy and random.random() < 0.5:
                row = np.flip(row, wide - 1)
            by = random.integers(-{shift}, {shift} + 1, 2) if copy else (0, 0)
            row = np.roll(row, by, (high - 1, wide - 1))
            moved[number] = row * random.uniform(0.8, 1.2) + random.uniform(-0.1, 0.1) if copy else row
        for start in range(0, len(rows), 64):
            yield {{"{input}": moved[start : start + 64]}}, None if labels is None else labels[start : start + 64]
"""
METRIC = """
def agreement(outputs, labels, reference):
    '''Whether the best class is the baseline's.'''
    (name,) = outputs
    return (outputs[name].argmax(1) == reference[name].argmax(1)).astype(float)
"""
AGREEMENT = '{callable: "metric.py:agreement", range: [0, 1]}'
CASES = {
    "onet-faces": {
        "model": '{{torch: "{folder}/onet.py:model", weights: {folder}/onet.pt}}',
        "metric": "{name: top1, output: output_0}",
        "pictures": {"name": "x", "input": "x", "axes": (2, 3), "shift": 2, "copies": 10},
        "settings": "{}",
    },
    "fer-h5": {
        "model": "{{keras: {folder}/emotion_model.hdf5}}",
        "metric": AGREEMENT,
        "inputs": ", inputs: {input_1: x}",
        "pictures": {"name": "x", "input": "input_1", "axes": (1, 2), "shift": 4, "copies": 20},
        "settings": "{}",
    },
    "sst2-minilm": {
        "model": "{folder}/fp32.onnx",
        "metric": "{name: top1, output: logits}",
        "calib": "train1k",
        "tune": "dev",
        "samples": ", samples: 100",
        "training": "{{path: {folder}/train1k.npz}}",
        "settings": "{epochs: 2, batch: 32, learning_rate: 0.00003}",
    },
    "musicnn-ckpt": {
        "model": "{{checkpoint: {folder}/MTT_vgg, outputs: [model/Sigmoid]}}",
        "metric": AGREEMENT,
        "inputs": ', inputs: {"model/Placeholder": mel}',
        "training": '{{path: {folder}/calib.npz, inputs: {{"model/Placeholder": mel}}}}',
        "settings": "{epochs: 3, batch: 16}",
    },
}


def judged(models: Path, place: Path, name: str, model: str | None) -> list[dict]:
    """Run the job of a case, and return its table with the training of each recipe."""
    case, folder = CASES[name], models / name
    place.mkdir(parents=True, exist_ok=True)
    (place / "metric.py").write_text(METRIC)
    if pictures := case.get("pictures"):
        (place / "rows.py").write_text(ROWS.format(rows=folder / "calib.npz", **pictures))
    fields = {"calib": "calib", "tune": "tune", "inputs": "", "samples": ""} | case
    fields["training"] = case.get("training", '{{callable: "rows.py:training"}}').format(folder=folder)
    fields["model"] = model or case["model"].format(folder=folder)
    (place / "job.yaml").write_text(JOB.format(name=name, folder=folder, **fields))
    done = subprocess.run(
        [PROGRAM, "run", place / "job.yaml", "--json"], stdout=subprocess.PIPE, text=True, check=False
    )
    if done.returncode not in (0, 3, 4):
        raise SystemExit(f"{name}: exit code {done.returncode}")
    (record,) = place.glob(".inc-mlflow/*/candidates/record.json")
    made = json.loads(record.read_text())
    training = {one["label"]: one.get("training") for one in made["candidates"]}
    training |= {one["label"]: one["reason"] for one in made.get("rejected", ())}
    return [
        {
            "recipe": row["recipe"],
            "accuracy": row["accuracy"],
            "relative_drop": row["relative_drop"],
            "speedup": row["speedup"],
            "training": training.get(row["recipe"]),
        }
        for row in json.loads(done.stdout)["table"]
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("models", type=Path)
    parser.add_argument("folder", type=Path)
    parser.add_argument("names", nargs="*", default=list(CASES)[:3])
    parser.add_argument("--fp32", action="append", default=[], metavar="NAME=FILE")
    given = parser.parse_args()
    imported = dict(one.split("=", 1) for one in given.fp32)
    found = {
        name: judged(given.models, given.folder / name, name, imported.get(name)) for name in given.names
    }
    print(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
