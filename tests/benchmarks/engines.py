"""Print, as Markdown, one table per real model: the baselines and candidates of all engines, measured in turns.

Each model is one job of all engines, with bf16 allowed: every row is timed by process CPU time on real rows, in an order
that rotates, in processes that start anew five times; a speed-up is against the fastest FP32 baseline. With ``--again``
all is measured a second time, and the last line says whether the promoted model is still the fastest that passes, or
within the interval of the one that is.

``.venv/bin/python -m tests.benchmarks.engines FOLDER [NAME ...] [--again]``: FOLDER holds the real models, NAME is one of
``MODELS``; all by default.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

PROGRAM = Path(sys.executable).with_name("inc-mlflow")
COMMON = """
version: 1
name: {name}
engines: [onnxruntime, openvino]
gate: {{allow: [int8, bf16], max_relative_drop: 0.02}}
recipes:
- {{method: dynamic}}
- {{method: static, op_types_to_quantize: [Conv, Gemm, MatMul, Relu, Clip]}}
- {{method: mixed}}
- {{method: static, engine: openvino, op_types_to_quantize: [Conv, Gemm, MatMul, Relu, Clip]}}
- {{method: static, engine: openvino}}
- {{method: bf16}}
"""
NOTES = """
import numpy as np

FILES = {{"calibration": "calib", "validation": "test"}}


def rows(split):
    audio = np.load("{models}/basic-pitch/" + FILES[split] + ".npz")["audio"]
    audio = audio.reshape(len(audio), 43844, 1).astype("f4") / 32767
    for row in audio[:20] if split == "calibration" else audio:
        yield {{"input_2": row[None]}}, None


def notes(outputs, labels, reference):
    name = next(name for name, value in outputs.items() if value.shape[-1] == 88)
    mine, theirs = outputs[name] > 0.5, reference[name] > 0.5
    return (2 * (mine & theirs).sum((1, 2)) + 1) / (mine.sum((1, 2)) + theirs.sum((1, 2)) + 1)
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
  calibration: {{callable: "notes.py:rows"}}
  validation: {{callable: "notes.py:rows"}}
metric: {{callable: "notes.py:notes", range: [0, 1]}}
""",
    "ultraface": """
model: {models}/ultraface/version-RFB-320.onnx
data:
  calibration: {{callable: "{models}/ultraface/callables.py:data"}}
  validation: {{callable: "{models}/ultraface/callables.py:data"}}
metric: {{callable: "{models}/ultraface/callables.py:agreement", decomposable: false}}
""",
}


def main(models: Path, names: list[str], again: bool) -> None:
    """Run the jobs one after the other."""
    for name in names:
        with tempfile.TemporaryDirectory() as folder:
            job = Path(folder) / "job.yaml"
            job.write_text((COMMON + MODELS[name]).format(name=name, models=models))
            (Path(folder) / "notes.py").write_text(NOTES.format(models=models))
            first = run(job)
            print(f"\n## {name}\n\n{table(first)}", flush=True)
            if again:
                print(
                    f"\nMeasured again:\n\n{table(second := run(job, '--fresh'))}\n\n{agreed(first, second)}",
                    flush=True,
                )


def run(job: Path, *options: str) -> dict:
    """Run a job and return what it says as JSON."""
    done = subprocess.run([PROGRAM, "run", job, "--json", *options], capture_output=True, text=True)
    if done.returncode not in {0, 3, 4}:
        sys.exit(done.stderr[-3000:])
    return json.loads(done.stdout)


def table(result: dict) -> str:
    """Return the rows, and which one is promoted."""
    lines = ["| model | engine | metric | speed-up | verdict |", "|---|---|---|---|---|"]
    champion = (result["champion"] or {}).get("recipe")
    for row in result["table"]:
        metric, speed = row["accuracy"], row["speedup"]
        shown = f"{metric['value']:.4f}" if metric else "-"
        ratio = f"{speed['value']:.2f}x [{speed['low']:.2f}, {speed['high']:.2f}]" if speed else "-"
        verdict = "promoted" if row["recipe"] == champion else row["verdict"] or ""
        why = f": {row['reasons'][0]}" if not speed and row["reasons"] else ""
        lines.append(f"| {row['recipe']} | {row['engine']} | {shown} | {ratio} | {verdict}{why} |")
    return "\n".join(lines)


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
