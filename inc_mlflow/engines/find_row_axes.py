"""Find the axes that count rows: as the job says, else by the names and sizes that a model declares.

What they do not decide is refused and never guessed: an array that is read with its axes exchanged gives
numbers that look right. docs/rows.md has the rules, with an example each.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from inc_mlflow.engines.engine import Interface
from inc_mlflow.engines.row_axes import RowAxes, Sizes
from inc_mlflow.errors import DataError, ModelError
from inc_mlflow.registry import did_you_mean

_UNKNOWN = {"", "?"}
"""Names that exporters give to every axis they know nothing about."""
_BATCH = "batch"
_TIME = ("time", "seq", "frame", "length", "step")
"""What stands in a name of an axis that counts no rows."""
NOTHING_SAID: Mapping[str, int | None] = {}


def find_row_axes(
    inputs: Mapping[str, Sizes], outputs: Mapping[str, Sizes], said: Mapping[str, int | None] = NOTHING_SAID
) -> RowAxes:
    """Return the axes of rows; ``said`` are those that the job names, of inputs and outputs.

    Raises DataError where ``said`` does not fit the model, ModelError where it has to say more.
    """
    _check_said(said, {**outputs, **inputs})
    fed, given = ({name: _cleaned(shape) for name, shape in kind.items()} for kind in (inputs, outputs))
    known = _Known.of(fed, {name: axis for name, axis in said.items() if name in fed})
    axes: dict[str, int | None] = {}
    undecided: dict[str, int | None] = {}
    for name, shape in fed.items():
        if name in said:
            axes[name] = said[name]
            continue
        try:
            axes[name] = known.axis(shape)
        except _UndecidedError as error:
            undecided[name] = error.likely
    if undecided:
        raise _refusal(undecided, inputs)
    _check_sizes(fed, axes)
    return RowAxes(axes, dict(_output_axes(given, said, fed, axes)))


def row_axes_of(interface: Interface, said: Mapping[str, int | None] | None = None) -> RowAxes:
    """Return where a model has its rows: as a job says, else as an import wrote into it, else as found.

    Raises as ``find_row_axes``.
    """
    if not said and interface.row_axes is not None:
        return interface.row_axes
    outputs: dict[str, Sizes] = dict.fromkeys(interface.output_names)
    outputs |= {spec.name: spec.shape for spec in interface.outputs}
    return find_row_axes({spec.name: spec.shape for spec in interface.inputs}, outputs, said or NOTHING_SAID)


class _UndecidedError(Exception):
    """The declared shapes leave it open; ``likely`` is the axis that a person should look at."""

    def __init__(self, likely: int | None = None) -> None:
        super().__init__()
        self.likely = likely


@dataclass(frozen=True)
class _Known:
    """What all inputs together say of rows."""

    names: frozenset[str]
    """Names of axes that count rows."""
    certain: bool
    """The names are the job's or say "batch" themselves; else they are those of first axes."""
    others: frozenset[str]
    """Where ``certain``: names of axes beside those that count rows."""
    size: int | None
    """Fixed number of rows; None where any number is taken."""
    open: bool
    """The first axes are fixed at several sizes, and nothing says which one counts rows."""

    @classmethod
    def of(cls, inputs: Mapping[str, Sizes], said: Mapping[str, int | None]) -> "_Known":
        axes = {
            name: shape[axis] for name, axis in said.items() if axis is not None and (shape := inputs[name])
        }
        names = {size for size in axes.values() if isinstance(size, str)}
        batch = {name for name in _names(inputs) if _BATCH in name.lower()}
        certain = bool(names) or len(batch) == 1
        first = [shape[0] for name, shape in inputs.items() if shape and name not in said]
        if not certain:
            names = {
                shape[0]
                for name, shape in inputs.items()
                if shape and name not in said and isinstance(shape[0], str) and not _begins_with_time(shape)
            }
        elif not names:
            names = batch
        sizes = [*axes.values()] or first
        free = bool(certain and names) or any(not isinstance(size, int) for size in sizes)
        fixed = {size for size in sizes if isinstance(size, int)}
        others = {
            size
            for shape in inputs.values()
            if shape and names & set(shape)
            for size in shape
            if isinstance(size, str) and size not in names
        }
        return cls(
            frozenset(names),
            certain,
            frozenset(others) if certain else frozenset(),
            fixed.pop() if len(fixed) == 1 and not free else None,
            not free and len(fixed) > 1,
        )

    def axis(self, shape: Sizes) -> int | None:
        """Return the axis of an input that counts rows; raise _UndecidedError where it is not clear."""
        if shape is None:
            return 0
        if not shape:
            return None
        named = [axis for axis, size in enumerate(shape) if size in self.names and shape.count(size) == 1]
        if len(named) == 1:
            return named[0]
        if named:
            raise _UndecidedError
        if isinstance(shape[0], int):
            return self._behind_fixed(shape)
        if shape[0] in self.others:
            return None
        if _begins_with_time(shape):
            free = (axis for axis, size in enumerate(shape) if not isinstance(size, int))
            raise _UndecidedError(_only(axis for axis in free if axis))
        return 0

    def _behind_fixed(self, shape: Sequence[int | str | None]) -> int:
        """Return the axis of rows where the first axis has a fixed size and no axis has a name of rows."""
        if self.open:
            if shape[0] == 1:
                return 0
            raise _UndecidedError(_only(axis for axis, size in enumerate(shape) if size == 1))
        if self.size is not None:
            if shape[0] == self.size:
                return 0
            raise _UndecidedError(_only(axis for axis, size in enumerate(shape) if size == self.size))
        unnamed = [axis for axis, size in enumerate(shape) if size is None]
        if len(unnamed) == 1 and shape[0] != 1:
            return unnamed[0]
        if shape[0] == 1 and not unnamed:
            return 0
        raise _UndecidedError(_only(axis for axis, size in enumerate(shape) if not isinstance(size, int)))


def _begins_with_time(shape: Sequence[int | str | None]) -> bool:
    """Tell whether the first axis calls itself a time while another one could count rows."""
    called = str(shape[0]).lower()
    return any(word in called for word in _TIME) and any(not isinstance(size, int) for size in shape[1:])


def _only(axes: Iterator[int]) -> int | None:
    found = list(axes)
    return found[0] if len(found) == 1 else None


def _names(inputs: Mapping[str, Sizes]) -> set[str]:
    return {size for shape in inputs.values() for size in shape or () if isinstance(size, str)}


def _cleaned(shape: Sizes) -> tuple[int | str | None, ...] | None:
    return None if shape is None else tuple(None if size in _UNKNOWN else size for size in shape)


def _output_axes(
    outputs: Mapping[str, Sizes],
    said: Mapping[str, int | None],
    inputs: Mapping[str, Sizes],
    axes: Mapping[str, int | None],
) -> Iterator[tuple[str, int | None]]:
    """Yield the axes that are known: said, named as the rows of an input, or none where no input has rows."""
    names = {
        shape[axis]
        for name, axis in axes.items()
        if axis is not None and (shape := inputs[name]) and isinstance(shape[axis], str)
    }
    without = bool(axes) and all(axis is None for axis in axes.values())
    for name, shape in outputs.items():
        named = [axis for axis, size in enumerate(shape or ()) if size in names]
        if name in said:
            yield name, said[name]
        elif without:
            yield name, None
        elif len(named) == 1:
            yield name, named[0]


def _check_said(said: Mapping[str, int | None], shapes: Mapping[str, Sizes]) -> None:
    for name, axis in said.items():
        if name not in shapes:
            raise DataError(
                f"data.axes: the model has no input or output {name!r}{did_you_mean(name, list(shapes))}; "
                f"it has {', '.join(shapes)}"
            )
        shape = shapes[name]
        if axis is not None and shape is not None and axis >= len(shape):
            raise DataError(
                f"data.axes: {name!r} has shape {_shown(shape)}, so no axis {axis}; axes count from 0, "
                "null is for one value of the whole batch"
            )


def _check_sizes(inputs: Mapping[str, Sizes], axes: Mapping[str, int | None]) -> None:
    """Raise DataError where two inputs are fixed at different numbers of rows."""
    sizes = {
        name: shape[axis]
        for name, axis in axes.items()
        if axis is not None and (shape := inputs[name]) and isinstance(shape[axis], int)
    }
    if len(set(sizes.values())) > 1:
        text = ", ".join(f"{name} has {size}" for name, size in sizes.items())
        raise DataError(
            f"data.axes: inputs that are fixed at different numbers of rows ({text}); "
            "name the axis that counts rows, null for one value of the whole batch"
        )


def _refusal(undecided: Mapping[str, int | None], inputs: Mapping[str, Sizes]) -> ModelError:
    name = next(iter(undecided))
    line = ", ".join(
        f"{one}: {'…' if axis is None or axis == 0 else axis}" for one, axis in undecided.items()
    )
    others = ", ".join(f"{one!r} {_shown(shape)}" for one, shape in inputs.items() if one != name)
    return ModelError(
        f"model input {name!r}: its shape {_shown(inputs[name])}{f' beside {others}' if others else ''} "
        f"does not tell which axis counts rows; say it in the job, as data: {{axes: {{{line}}}}}, "
        "with null for one value of the whole batch"
    )


def _shown(shape: Sizes) -> str:
    sizes = ["any" if size is None else str(size) for size in shape or ()]
    return f"({', '.join(sizes)})"
