"""Read damaged files, in a process of its own: `python -m tests.fuzz.fuzzing LOADER FROM TO`.

The last line is what came of it, as JSON.

Each file is made by its number alone. An IncError of one line, or success, is right; anything else ends the
run with the number and the error. A file that takes too long ends the process, also within C; so does one
that takes too much memory.
"""

import faulthandler
import json
import resource
import sys
import tempfile
import time
from pathlib import Path
from random import Random

from inc_mlflow.errors import IncError
from tests.fuzz.target import Target
from tests.fuzz.targets import TARGETS

SECONDS, BYTES = 5, 2**30
"""What one file may take: time, and memory beyond what the process has before the first."""


def main(name: str, first: int, last: int) -> None:
    target = TARGETS[name]
    good = target.good()
    with tempfile.TemporaryDirectory() as folder:
        for content in good:
            read(target, Path(folder), content)
        limit_memory()
        begun, counts, slowest = time.monotonic(), {True: 0, False: 0}, 0.0
        for number in range(first, last):
            print(number, flush=True)  # what a crash leaves as the last line
            start = time.monotonic()
            counts[accepted(target, Path(folder), damaged(target, name, number, good))] += 1
            slowest = max(slowest, time.monotonic() - start)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    took = {"seconds": round(time.monotonic() - begun, 1), "slowest": round(slowest, 2), "peak_mb": peak}
    print(json.dumps({"loader": name, "accepted": counts[True], "refused": counts[False]} | took))


def damaged(target: Target, name: str, number: int, good: list[bytes]) -> bytes:
    random = Random(f"{name} {number}")
    return target.damage(random, random.choice(good))


def accepted(target: Target, folder: Path, content: bytes) -> bool:
    """Tell whether the file was read; it is not caught where it was not refused as it should be."""
    try:
        read(target, folder, content)
    except IncError as error:
        if "\n" in str(error):
            sys.exit(f"more than one line: {error}")
        return False
    return True


def read(target: Target, folder: Path, content: bytes) -> None:
    (folder / target.name).write_bytes(content)
    faulthandler.dump_traceback_later(SECONDS, exit=True)
    try:
        target.read(folder)
    finally:
        faulthandler.cancel_dump_traceback_later()


def limit_memory() -> None:
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    resource.setrlimit(resource.RLIMIT_AS, (pages * resource.getpagesize() + BYTES,) * 2)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
