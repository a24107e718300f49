"""What pools are: hardware that this package knows, labels of common clusters, files with own pools."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, ValidationError

from inc_mlflow.errors import SpecError, UnknownNameError
from inc_mlflow.registry import did_you_mean
from inc_mlflow.spec.placement import LOCAL, POOL_NAME, PoolSpec
from inc_mlflow.spec.spec_model import SpecModel, spec_error
from inc_mlflow.spec.text import read_mapping, read_text, reading

DEFAULT = "nfd"
"""Labels that say what hardware is there, wherever node-feature-discovery runs."""
_HERE = Path(__file__).parent
_HARDWARE = "hardware"
_Pools = dict[Annotated[str, Field(pattern=POOL_NAME)], dict[str, Any]]


class _PoolFile(SpecModel):
    """Fields of pools. They replace those of the preset, which replace those of the hardware's file."""

    version: Annotated[Literal[1], Field(description="Version of this format.")]
    preset: str | None = None
    pools: _Pools


def presets() -> list[str]:
    """Return the names of all presets."""
    return sorted(path.stem for path in _HERE.glob("*.yaml") if path.stem != _HARDWARE)


def definitions(source: str | None, root: Path) -> dict[str, PoolSpec]:
    """Return all pools of a preset, or of a file relative to ``root``.

    SpecError is one line that names file and field.
    """
    source = source or DEFAULT
    if source in presets():
        return _merged(_read(_HERE / f"{source}.yaml").pools)
    path = root / source
    if not path.suffix:
        raise UnknownNameError(
            f"placement: no {source!r}{did_you_mean(source, presets())}; there are {_there()}"
        )
    with reading(path, "a file with pools"):
        own = _read(path)
        if own.preset is not None and own.preset not in presets():
            raise SpecError(
                f"preset: no {own.preset!r}{did_you_mean(own.preset, presets())}; there are {_there()}"
            )
        below = _read(_HERE / f"{own.preset}.yaml").pools if own.preset else {}
        return _merged(below, own.pools)


def _there() -> str:
    return f"{', '.join(presets())}, or a file with own pools"


def _merged(*layers: Mapping[str, Mapping[str, Any]]) -> dict[str, PoolSpec]:
    """Merge the fields of each pool: a later layer replaces whole fields, the hardware's come first.

    A pool that only the hardware's file knows is left out, since nothing says where its nodes are.
    """
    hardware = _read(_HERE / f"{_HARDWARE}.yaml").pools
    fields: dict[str, dict[str, Any]] = {}
    for layer in layers:
        for name, own in layer.items():
            fields[name] = {**fields.get(name, hardware.get(name, {})), **own}
    return {name: _pool(name, found) for name, found in fields.items()}


def _pool(name: str, fields: Mapping[str, Any]) -> PoolSpec:
    if name == LOCAL:
        raise SpecError(f"pools.{name}: is any machine, as it is; call the pool something else")
    try:
        return PoolSpec.model_validate(fields)
    except ValidationError as error:
        raise SpecError(f"pools.{name}.{spec_error(error)}") from error


def _read(path: Path) -> _PoolFile:
    try:
        return _PoolFile.model_validate(read_mapping(read_text(path), "pools"))
    except ValidationError as error:
        raise SpecError(str(spec_error(error)).replace("job: ", "", 1)) from error
