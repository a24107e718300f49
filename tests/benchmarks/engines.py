"""Print, as Markdown, one table per real model: the baselines and candidates of all engines, measured in turns.

Each model is one job of all engines that are installed and take it, with all of their methods that train nothing and with
bf16 allowed: every row is timed by process CPU time on real rows, in an order
that rotates, in processes that start anew five times; a speed-up is against the fastest FP32 baseline. With ``--again``
all is measured a second time, and the last line says whether the promoted model is still the fastest that passes, or
within the interval of the one that is.

``.venv/bin/python -m tests.benchmarks.engines FOLDER [NAME ...] [--again]``: FOLDER holds the real models, NAME is one of
``MODELS``; all by default. MTT_vgg and centernet need TensorFlow too.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import yaml

from inc_mlflow.registry.engines import ENGINES, PARTS
from inc_mlflow.registry.methods import CHAIN, METHODS, MethodEntry
from inc_mlflow.spec.engines import takes

PROGRAM = Path(sys.executable).with_name("inc-mlflow")
ROWS = Path(__file__).with_name("engine_rows.py")
LAYERS = {"method": "static", "op_types_to_quantize": ["Conv", "Gemm", "MatMul", "Relu", "Clip"]}
"""A second form of ``static`` of the engines that have these options."""
COMMON = """
version: 1
name: {name}
gate: {{allow: [int8, bf16], max_relative_drop: 0.02}}
"""
MODELS = {
    "sst2-minilm": """
model: {models}/sst2-minilm/fp32.onnx
data:
  calibration: {{path: {models}/sst2-minilm/train1k.npz, samples: 100}}
  validation: {{path: {models}/sst2-minilm/test.npz}}
metric: {{name: top1, output: logits}}
""",
    "onet-faces": """
model: {{torch: "{models}/onet-faces/onet.py:model", weights: {models}/onet-faces/onet.pt}}
data:
  calibration: {{path: {models}/onet-faces/calib.npz}}
  validation: {{path: {models}/onet-faces/test.npz}}
metric: {{name: top1, output: output_0}}
""",
    "basic-pitch": """
model: {models}/basic-pitch/nmp.onnx
data:
  calibration: {{callable: "engine_rows.py:audio"}}
  validation: {{callable: "engine_rows.py:audio"}}
metric: {{callable: "engine_rows.py:notes", range: [0, 1]}}
""",
    "ultraface": """
model: {models}/ultraface/version-RFB-320.onnx
data:
  calibration: {{callable: "{models}/ultraface/callables.py:data"}}
  validation: {{callable: "{models}/ultraface/callables.py:data"}}
metric: {{callable: "{models}/ultraface/callables.py:agreement", decomposable: false}}
""",
    "MTT_vgg": """
model: {{checkpoint: {models}/musicnn-ckpt/MTT_vgg, outputs: [model/Sigmoid]}}
data:
  calibration: {{path: {models}/musicnn-ckpt/calib.npz, inputs: {{model/Placeholder: mel}}, samples: 50}}
  validation: {{path: {models}/musicnn-ckpt/test.npz, inputs: {{model/Placeholder: mel}}}}
metric: {{callable: "engine_rows.py:tags", range: [0, 1]}}
""",
    "centernet": """
model: {{graph: {models}/frozen-pb/centernet.pb}}
data:
  calibration: {{callable: "engine_rows.py:photographs"}}
  validation: {{callable: "engine_rows.py:photographs"}}
metric: {{callable: "engine_rows.py:detections", range: [0, 1]}}
""",
}


def main(models: Path, names: list[str], again: bool) -> None:
    """Run the jobs one after the other."""
    for name in names:
        with tempfile.TemporaryDirectory() as folder:
            job = Path(folder) / "job.yaml"
            fields = yaml.safe_load((COMMON + MODELS[name]).format(name=name, models=models))
            job.write_text(json.dumps(fields | candidates(fields["model"])))
            shutil.copyfile(ROWS, Path(folder) / ROWS.name)
            os.environ["INC_REAL_MODELS"] = str(models)
            first = run(job)
            print(f"\n## {name}\n\n{table(first)}", flush=True)
            if again:
                print(
                    f"\nMeasured again:\n\n{table(second := run(job, '--fresh'))}\n\n{agreed(first, second)}",
                    flush=True,
                )


def candidates(model: object) -> dict:
    """Return the engines that are installed and take a model, and each of their methods that trains nothing."""
    engines = [name for name in ENGINES if name != PARTS and takes(name, model)]
    recipes = [recipe for engine in engines for recipe in recipes_of(engine)]
    return {"engines": engines, "recipes": recipes}


def recipes_of(engine: str) -> list[dict]:
    """Return the recipes of one engine: its methods by default options, and ``static`` of the layers alone."""
    own = [name for name in METHODS if name.startswith(f"{engine}.") and not trains(name)]
    recipes = [{"engine": engine, "method": name.partition(".")[2]} for name in own]
    fields = METHODS.options(f"{engine}.static").model_fields if f"{engine}.static" in own else {}
    return [*recipes, {"engine": engine} | LAYERS] if "op_types_to_quantize" in fields else recipes


def trains(method: str) -> bool:
    """Tell whether a method needs rows to learn from, or several recipes."""
    entry = METHODS.entry(method)
    learns = isinstance(entry, MethodEntry) and bool(entry.trains_candidates or entry.sources)
    return learns or method.endswith(f".{CHAIN}")


def run(job: Path, *options: str) -> dict:
    """Run a job and return what it says as JSON."""
    done = subprocess.run([PROGRAM, "run", job, "--json", *options], capture_output=True, text=True)
    if done.returncode not in {0, 3, 4}:
        sys.exit(done.stderr[-3000:])
    return json.loads(done.stdout)


def table(result: dict) -> str:
    """Return the rows, and which one is promoted."""
    lines = ["| model | engine | metric | speed-up | vs own engine | verdict |", "|---|---|---|---|---|---|"]
    champion = (result["champion"] or {}).get("recipe")
    for row in result["table"]:
        metric, speed = row["accuracy"], row["speedup"]
        shown = f"{metric['value']:.4f}" if metric else "-"
        ratios = f"{shown_ratio(speed)} | {shown_ratio(row.get('engine_speedup'))}"
        verdict = "promoted" if row["recipe"] == champion else row["verdict"] or ""
        why = f": {row['reasons'][0]}" if not speed and row["reasons"] else ""
        lines.append(f"| {row['recipe']} | {row['engine']} | {shown} | {ratios} | {verdict}{why} |")
    return "\n".join(lines)


def shown_ratio(ratio: dict | None) -> str:
    """Return a ratio with its bounds."""
    return f"{ratio['value']:.2f}x [{ratio['low']:.2f}, {ratio['high']:.2f}]" if ratio else "-"


def agreed(first: dict, second: dict) -> str:
    """Say whether what was promoted first is still the fastest that passes."""
    if first["champion"] is None:
        return "Nothing was promoted: FP32 is kept."
    name, sha256 = first["champion"]["recipe"], first["champion"]["sha256"]
    passing = [row for row in second["table"] if row["verdict"] == "pass"]
    mine = next((row for row in passing if row["sha256"] == sha256), None)
    if mine is None:
        return f"{name} does not pass again."
    fastest = max(passing, key=lambda row: row["speedup"]["value"])
    if fastest is mine:
        return f"{name} is the fastest that passes again."
    near = mine["speedup"]["high"] >= fastest["speedup"]["low"]
    return f"{fastest['recipe']} is faster, {'within' if near else 'outside'} the interval of {name}."


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("names", nargs="*", default=list(MODELS))
    parser.add_argument("--again", action="store_true")
    given = parser.parse_args()
    main(given.folder.resolve(), given.names or list(MODELS), given.again)
