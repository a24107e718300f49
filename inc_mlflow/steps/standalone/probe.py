"""probe: facts about this machine, and the plan of a layout on it."""

from typing import Any

from inc_mlflow.errors import SpecError
from inc_mlflow.hardware import pools
from inc_mlflow.hardware.planner import plan_layout
from inc_mlflow.hardware.probe import host_facts
from inc_mlflow.hardware.topology import topology
from inc_mlflow.spec import Layout

_OPTION = "--layout"


def probe(layout: str) -> dict[str, Any]:
    """Return host facts, known pools that expect such a machine, and the plan of a layout, also as one line.

    Raises SpecError where the layout cannot be read, HardwareError where it does not fit.
    """
    try:
        parsed = Layout.parse(layout)
    except ValueError as error:
        raise SpecError(f"{_OPTION}: {error}") from error
    where = plan_layout(parsed, topology(), _OPTION)
    return {
        "text": where.text(),
        "plan": where.model_dump(mode="json"),
        "host": host_facts().model_dump(mode="json"),
        "pools": pools.matching(),
    }
