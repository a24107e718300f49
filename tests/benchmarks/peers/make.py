"""Write the INT8 models of other tools for the model of a job, with the job's calibration rows.

``.venv/bin/python tests/benchmarks/peers/make.py JOB OUT TOOL=PYTHON ...``: for each TOOL (ort_default,
nncf_ptq, onc_ptq, olive_ptq) the interpreter that has it. Each model is made with the tool's defaults from the file
as shipped, in ``OUT/shipped``, and where the tool cannot take that, from the normalised one, in ``OUT/normalised``.
What it cannot do is told in ``OUT/failed.json`` by the last line that it said. ``TOOL:by-hand=PYTHON`` takes the
settings that a hand picks as well.
"""

import json
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

from inc_mlflow.engines.onnxruntime.graph.model_file import MODEL
from inc_mlflow.engines.onnxruntime.graph.normalize import normalize
from inc_mlflow.spec import Job
from inc_mlflow.steps.data import open_data

NAMES = {
    "ort_default": ("static", "dynamic"),
    "nncf_ptq": ("default", "transformer"),
    "onc_ptq": ("static", "dynamic"),
    "olive_ptq": ("static", "dynamic"),
    "ort_default:by-hand": ("static", "dynamic", "u8-per-channel", "u8-matmul", "dynamic-per-channel"),
}
SECONDS = 600
"""Time that one model may take."""


def main(job: Job, out: Path, tools: dict[str, str]) -> None:
    """Make all models of all tools."""
    failed: dict[str, str] = {}
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        save_rows(job, folder / "rows.npz")
        normalize(job.model, folder)
        for tool, python in tools.items():
            for name in NAMES[tool]:
                for form, model in (("shipped", job.model), ("normalised", folder / MODEL)):
                    (out / form).mkdir(parents=True, exist_ok=True)
                    target = out / form / f"{tool.partition(':')[0]}-{name}.onnx"
                    error = make([python, script(tool), name, model, folder / "rows.npz", target])
                    if error is None:
                        break
                    failed[f"{form}/{target.stem}"] = error
    (out / "failed.json").write_text(json.dumps(failed, indent=1))


def save_rows(job: Job, path: Path) -> None:
    """Write the calibration rows, one array per input."""
    batches = [inputs for inputs, *_ in open_data(job).rows("calibration", 1)]
    with path.open("wb") as file:
        np.savez(file, **{name: np.concatenate([one[name] for one in batches]) for name in batches[0]})


def script(tool: str) -> Path:
    """Return the script of a tool: it stands beside this one."""
    return Path(__file__).with_name(f"{tool.partition(':')[0]}.py")


def make(command: list[str | Path]) -> str | None:
    """Run a tool and return what it complains about, if it does."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS, check=False)
    except subprocess.TimeoutExpired:
        return f"not finished after {SECONDS} s"
    if done.returncode == 0:
        return None
    return (done.stderr.strip().splitlines() or [f"exit code {done.returncode}"])[-1]


if __name__ == "__main__":
    main(
        Job.load(Path(sys.argv[1])),
        Path(sys.argv[2]),
        dict(argument.split("=", 1) for argument in sys.argv[3:]),
    )
