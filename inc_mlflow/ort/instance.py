"""One benchmark instance: a pinned process that holds one model and times it on request.

Run as ``python -m inc_mlflow.ort.instance MODEL BATCHES.npz CORE THREADS``. Each line on standard input is a number of
passes over the batches; each answer is one JSON line: latencies in seconds per pass and batch, and peak RSS in bytes.
"""

import json
import os
import resource
import sys
import time
from pathlib import Path

import numpy as np

from inc_mlflow.errors import IncError
from inc_mlflow.ort.runner import Arrays, Runner


def main(model: str, batches: str, core: str, threads: str) -> int:
    """Serve until standard input ends; an IncError is the last line."""
    sys.stdout, answers = sys.stderr, sys.stdout  # nothing but answers may reach the parent
    if int(core) >= 0:
        os.sched_setaffinity(0, {int(core)})
    try:
        runner = Runner(Path(model), int(threads))
        rows = load_batches(Path(batches))
        for line in sys.stdin:
            seconds = [_times(runner, rows) for _ in range(int(line))]
            print(json.dumps({"seconds": seconds, "peak_rss_bytes": _peak_rss_bytes()}), file=answers, flush=True)
    except IncError as error:
        print(json.dumps({"error": str(error)}), file=answers, flush=True)
    return 0


def save_batches(path: Path, batches: list[Arrays]) -> None:
    """Write batches for instances to read; input names may hold characters that file names may not."""
    arrays = {f"{index}/{name}": array for index, batch in enumerate(batches) for name, array in batch.items()}
    with path.open("wb") as file:
        np.savez(file, **arrays)  # type: ignore[arg-type]  # the stub takes **kwds for allow_pickle


def load_batches(path: Path) -> list[Arrays]:
    """Read what ``save_batches`` wrote."""
    batches: dict[int, Arrays] = {}
    with np.load(path, allow_pickle=False) as archive:
        for key in archive.files:
            index, _, name = key.partition("/")
            batches.setdefault(int(index), {})[name] = archive[key]
    return [batches[index] for index in sorted(batches)]


def _times(runner: Runner, batches: list[Arrays]) -> list[float]:
    """Thread CPU time of each batch: with one thread it counts the model's work and nobody else's."""
    seconds = []
    for batch in batches:
        start = time.thread_time()
        runner(batch)
        seconds.append(time.thread_time() - start)
    return seconds


def _peak_rss_bytes() -> int:
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
