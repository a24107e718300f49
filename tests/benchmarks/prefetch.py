"""Print as JSON how long a folder of small S3 objects takes to fetch, in parallel and one by one.

Run with the environment's Python: ``.venv/bin/python -m tests.benchmarks.prefetch``. A proxy before the
server makes every call 20 ms longer, as a network does. Minimum of three, interleaved.
"""

import json
import os
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from inc_mlflow.remote import Address, Store, open_store
from tests.support.proxy import proxy
from tests.support.s3 import s3

OBJECTS, SIZE, LATENCY, REPEATS = 200, 20_000, 0.02, 3


def main() -> None:
    """Start the server, measure, and print."""
    with tempfile.TemporaryDirectory() as scratch:
        (Path(scratch) / "s3").mkdir()
        with s3(Path(scratch) / "s3") as server, proxy(server.url) as network:
            os.environ |= server.variables(network.url)
            folder = Address.parse(server.bucket()).child("images")
            fill(server.folder / folder.bucket / folder.key)
            network.delay = LATENCY
            print(json.dumps(measure(folder, Path(scratch)), indent=1))


def fill(folder: Path) -> None:
    """Write the objects where the server finds them."""
    folder.mkdir()
    for number in range(OBJECTS):
        (folder / f"{number}.jpg").write_bytes(os.urandom(SIZE))


def measure(folder: Address, scratch: Path) -> dict[str, float]:
    """Return both minima in seconds and their ratio."""
    store = open_store(folder)
    files = {Address("s3", folder.bucket, key): scratch / Path(key).name for key in store.below(folder)}
    pairs = [(seconds(one_by_one, store, files), seconds(together, store, files)) for _ in range(REPEATS)]
    one, at_once = (min(column) for column in zip(*pairs, strict=True))
    return {"one_by_one_seconds": one, "at_once_seconds": at_once, "ratio": one / at_once}


def one_by_one(store: Store, files: dict[Address, Path]) -> None:
    """Wait for each object."""
    for address, target in files.items():
        store.download({address: target})


def together(store: Store, files: dict[Address, Path]) -> None:
    """Ask for all."""
    store.download(files)


def seconds(
    way: Callable[[Store, dict[Address, Path]], None], store: Store, files: dict[Address, Path]
) -> float:
    """Wall time of one way."""
    start = time.perf_counter()
    way(store, files)
    return time.perf_counter() - start


if __name__ == "__main__":
    main()
