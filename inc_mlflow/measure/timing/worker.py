"""One benchmark instance: a process bound to its CPUs that holds one model and times it on request.

Run as ``python -P -m inc_mlflow.measure.timing.worker ENGINE MODEL BATCHES.npz CPUS``. CPUS are ``3`` or
``0,1``, one thread each, or ``any`` for one thread anywhere. Each line on standard input is a request, each
answer one JSON line. Requests:

- ``{"passes": n}``: that many passes over the batches, at once
- ``{"start": t, "stop": t}``: one call after the other, from and to a time of CLOCK_MONOTONIC
- ``{"arrivals": [t, …], "stop": t}``: one call for each arrival, which waits while the call before it runs;
  none after stop

Answers have ``calls``, rows of ``instance.Call``, and ``peak_rss_bytes``. The batches come round and round.
The end of standard input ends the process, on Linux also the end of its parent.
"""

import gc
import json
import os
import resource
import select
import sys
import time
from collections.abc import Iterator
from itertools import cycle
from pathlib import Path
from typing import Any

import numpy as np

from inc_mlflow.arrays import Arrays
from inc_mlflow.engines.engine import LoadedModel, RunSettings
from inc_mlflow.engines.row_axes import RowAxes
from inc_mlflow.errors import IncError
from inc_mlflow.guard import end_with_parent
from inc_mlflow.measure.timing.instance import Call
from inc_mlflow.registry.engines import ENGINES
from inc_mlflow.registry.sources import framework_loader

ANY = "any"
_AXES = "axes"
_STATUS = Path("/proc/self/status")
_AWAKE = 0.0005
"""Seconds before a given time that a sleeping thread begins to look at the clock: it may be woken that much
too late."""


def main(engine: str, model: str, batches: str, places: str) -> int:
    """Serve until standard input ends; an IncError is the last line."""
    sys.stdout, answers = sys.stderr, sys.stdout  # nothing but answers may reach the parent
    end_with_parent(os.getppid())  # in a long turn it does not see its input end
    cpus = [] if places == ANY else [int(place) for place in places.split(",")]
    if cpus:
        os.sched_setaffinity(0, cpus)
    gc.disable()  # calls make no cycles, and a collection among them would be the longest call
    try:
        rows, axes = load_batches(Path(batches))
        loaded = _loaded(engine, Path(model), RunSettings(max(1, len(cpus)), cpus, axes=axes))
        if cpus:
            os.sched_setaffinity(0, cpus[:1])  # the other threads are bound by now
        following = cycle(rows)
        for line in sys.stdin:
            if _parent_is_gone():
                break
            calls = [_call(loaded, next(following), due) for due in _due(json.loads(line), len(rows))]
            print(json.dumps({"calls": calls, "peak_rss_bytes": _peak_rss_bytes()}), file=answers, flush=True)
    except IncError as error:
        print(json.dumps({"error": str(error)}), file=answers, flush=True)
    return 0


def _loaded(engine: str, model: Path, settings: RunSettings) -> LoadedModel:
    """Load an engine's model, or that of a framework, which has the name of a kind of source."""
    if engine in ENGINES:
        return ENGINES.get(engine).load(model, settings)
    return framework_loader()(model, settings)


def _parent_is_gone() -> bool:
    """Tell whether nobody can write to standard input any more.

    The parent may have died before ``end_with_parent`` was called.
    """
    inputs = select.poll()
    inputs.register(sys.stdin, 0)  # hang-ups are reported without being asked for
    return bool(inputs.poll(0))


def save_batches(path: Path, batches: list[Arrays], axes: RowAxes | None = None) -> None:
    """Write batches for instances to read, and where models have their rows.

    Input names may hold characters that file names may not.
    """
    arrays = {
        f"{index}/{name}": array for index, batch in enumerate(batches) for name, array in batch.items()
    }
    if axes is not None:
        arrays[_AXES] = np.array(axes.to_text())
    with path.open("wb") as file:
        np.savez(file, **arrays)  # type: ignore[arg-type]  # the stub takes **kwds for allow_pickle


def load_batches(path: Path) -> tuple[list[Arrays], RowAxes | None]:
    """Read what ``save_batches`` wrote."""
    batches: dict[int, Arrays] = {}
    axes = None
    with np.load(path, allow_pickle=False) as archive:
        for key in archive.files:
            index, _, name = key.partition("/")
            if key == _AXES:
                axes = RowAxes.from_text(str(archive[key]))
            else:
                batches.setdefault(int(index), {})[name] = archive[key]
    return [batches[index] for index in sorted(batches)], axes


def _due(request: dict[str, Any], batches: int) -> Iterator[float | None]:
    """Yield when each call is due; None is at once."""
    if "passes" in request:
        yield from [None] * (request["passes"] * batches)
    elif "arrivals" in request:
        for arrival in request["arrivals"]:
            if time.monotonic() >= request["stop"]:
                return
            yield arrival
    else:
        _sleep_until(request["start"])
        yield None
        while time.monotonic() < request["stop"]:
            yield None


def _call(model: LoadedModel, batch: Arrays, due: float | None) -> Call:
    """The CPU time is the whole process's: an engine may work in other threads than the one that calls it."""
    if due is not None:
        _sleep_until(due)
    start = time.monotonic()
    began = time.process_time()
    model(batch)
    cpu = time.process_time() - began
    end = time.monotonic()
    return Call(start if due is None else due, start, end, cpu)


def _sleep_until(at: float) -> None:
    rest = at - time.monotonic() - _AWAKE
    if rest > 0:
        time.sleep(rest)
    while time.monotonic() < at:
        pass


def _peak_rss_bytes() -> int:
    """On Linux getrusage would tell the parent's peak, if that is higher: it survives fork and exec."""
    if _STATUS.exists():
        return int(_STATUS.read_text().partition("VmHWM:")[2].split()[0]) * 1024
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
