"""Resize: each axis by itself, the value at a place from the nearest one or from its two neighbours."""

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from inc_mlflow.training.operators.call import Operator, OperatorCall

_NEAREST: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "floor": np.floor,
    "ceil": np.ceil,
    "round_prefer_floor": lambda place: np.ceil(place - 0.5),
    "round_prefer_ceil": lambda place: np.floor(place + 0.5),
}
"""How a place between two values is rounded."""


def _resize(call: OperatorCall) -> Tensor:
    mode = str(call.attribute("mode", "nearest"))
    if mode not in ("nearest", "linear") or call.attribute("antialias", 0):
        raise ValueError(f"mode {mode} is not known here")
    if str(call.attribute("keep_aspect_ratio_policy", "stretch")) != "stretch":
        raise ValueError("an aspect ratio that is kept is not known here")
    x = call[0]
    axes = [int(axis) for axis in call.attribute("axes", range(x.dim()))]
    for axis, (size, scale) in zip(axes, _targets(call, x, axes), strict=True):
        if size != x.shape[axis] or scale != 1:
            places = _places(call, x.shape[axis], size, scale)
            x = _nearest(call, x, axis, places) if mode == "nearest" else _linear(x, axis, places)
    return x


def _targets(call: OperatorCall, x: Tensor, axes: list[int]) -> list[tuple[int, float]]:
    """Return the size of each axis and its scale, which is the given one even where the size is cut."""
    sizes, scales = call.optional(3), call.optional(2)
    if sizes is not None and sizes.numel():
        found = [int(size) for size in sizes.tolist()]
        return [(size, size / x.shape[axis]) for axis, size in zip(axes, found, strict=True)]
    given = call[2].tolist() if scales is not None else []
    return [(int(np.floor(x.shape[axis] * scale)), scale) for axis, scale in zip(axes, given, strict=True)]


def _places(call: OperatorCall, old: int, new: int, scale: float) -> np.ndarray:
    """Return where on the old axis each value of the new one lies."""
    number = np.arange(new, dtype=np.float64)
    kind = str(call.attribute("coordinate_transformation_mode", "half_pixel"))
    if kind == "asymmetric":
        return number / scale
    if kind == "align_corners":
        return number * ((old - 1) / (new - 1) if new > 1 else 0.0)
    if kind == "half_pixel" or (kind == "pytorch_half_pixel" and new > 1):
        return (number + 0.5) / scale - 0.5
    if kind == "half_pixel_symmetric":
        shift = old / 2 * (1 - new / (scale * old))
        return shift + (number + 0.5) / scale - 0.5
    if kind == "pytorch_half_pixel":
        return np.zeros(new)
    raise ValueError(f"coordinates by {kind} are not known here")


def _nearest(call: OperatorCall, x: Tensor, axis: int, places: np.ndarray) -> Tensor:
    rounded = _NEAREST[str(call.attribute("nearest_mode", "round_prefer_floor"))](places)
    return x.index_select(axis, _within(rounded, x.shape[axis]))


def _linear(x: Tensor, axis: int, places: np.ndarray) -> Tensor:
    before = np.floor(places)
    share = torch.from_numpy((places - before).astype(np.float32))
    share = share.reshape([-1 if one == axis else 1 for one in range(x.dim())])
    low, high = (x.index_select(axis, _within(one, x.shape[axis])) for one in (before, before + 1))
    return low * (1 - share) + high * share


def _within(places: np.ndarray, size: int) -> Tensor:
    """Return places as positions; those outside are that of the border."""
    return torch.from_numpy(np.clip(places, 0, size - 1).astype(np.int64))


RESIZE: dict[str, Operator] = {"Resize": _resize}
