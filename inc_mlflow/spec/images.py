"""Which image a task has on a cluster."""

from collections.abc import Iterable

from inc_mlflow.registry.engines import image_of_engines
from inc_mlflow.spec.placement import PoolSpec


def image_on(hardware: PoolSpec, engines: Iterable[str]) -> str:
    """Return the image of a task on a pool; an engine's takes the place of the default one.

    A pool with an image of its own keeps it: who names one knows what is in it.
    """
    own = image_of_engines(engines) if hardware.image == PoolSpec().image else None
    return own or hardware.image
