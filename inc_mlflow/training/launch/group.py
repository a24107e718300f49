"""One of the processes that share a training: joins the others as its launcher says in the environment."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

from inc_mlflow import progress

_PATIENCE = timedelta(days=1)
"""The longest wait for another process: the first one scores alone. One that ends is noticed at once."""


@contextmanager
def joined() -> Iterator[int]:
    """Join the others, and yield the number of this one, from 0; the first one alone shows progress."""
    from torch import distributed

    distributed.init_process_group("gloo", timeout=_PATIENCE)
    try:
        rank = distributed.get_rank()
        if rank:
            os.environ.pop(progress.VARIABLE, None)
        yield rank
        distributed.barrier()
    finally:
        distributed.destroy_process_group()
