"""A table of names that a job can use; what a name stands for is imported on first use."""

import difflib
import importlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, Generic, TypeVar, cast

from inc_mlflow.errors import MissingExtraError, UnknownNameError, reason

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

    from pydantic import BaseModel

T = TypeVar("T")


@dataclass(frozen=True)
class Entry:
    """What a name stands for. The entry itself is plain text, so that listing names imports nothing."""

    target: str
    """Where the object is, as "module:attribute"."""
    summary: str = ""
    """One line for `inc-mlflow list` and the documentation."""
    extra: str | None = None
    """Extra that brings the packages of the entry; None where the installation of the entry brings them."""
    needs: tuple[str, ...] = ()
    """Modules of the extra that the target imports late; those it imports at once need not be listed."""
    options: str | None = None
    """Pydantic model of its options, as "module:attribute".

    None where it takes no options, or where the target is that model itself, as of a metric.
    """
    files: tuple[str, ...] = ()
    """Options that hold the path of a file, relative to the job file; such a file travels with the job."""
    suffixes: tuple[str, ...] = ()
    """Endings of paths that stand for this entry, as ".npz"; "/" is a folder."""


class Registry(Generic[T]):
    """Entries by name: the built-in ones, and those of installed packages.

    A package adds an entry by an entry point of the group ``inc_mlflow.<kind>``, which names an ``Entry``
    object. It cannot replace a built-in entry.
    """

    def __init__(self, kind: str, entries: dict[str, Entry]) -> None:
        self.kind = kind
        self._built_in = entries

    def __iter__(self) -> Iterator[str]:
        return iter(sorted({*self._built_in, *self._installed}))

    def __contains__(self, name: str) -> bool:
        return name in self._built_in or name in self._installed

    def entry(self, name: str) -> Entry:
        """Return the entry called ``name``.

        Raises UnknownNameError where there is none, MissingExtraError where its package cannot be imported.
        """
        if name in self._built_in:
            return self._built_in[name]
        if name not in self._installed:
            raise UnknownNameError(f"{self.kind}: {self.unknown(name)}")
        return self._load(name, self._installed[name])

    def get(self, name: str) -> T:
        """Import and return the object called ``name``.

        Raises UnknownNameError as ``entry`` does; MissingExtraError names the extra that brings its packages.
        """
        entry = self.entry(name)
        try:
            return cast(T, _import(entry.target))
        except ModuleNotFoundError as error:
            if entry.extra is None:
                raise
            raise self._missing(name, entry, error.name) from error

    def unknown(self, name: str) -> str:
        """Return what to say of a name that is not in the table: the closest one, and all that there are."""
        return f"no {name!r}{did_you_mean(name, self)}; there are {', '.join(self)}"

    def check_packages(self, name: str) -> None:
        """Raise MissingExtraError where a module that ``name`` imports late is not installed."""
        entry = self.entry(name)
        for package in entry.needs:
            if find_spec(package) is None:
                raise self._missing(name, entry, package)

    def has_packages(self, name: str) -> bool:
        """Tell whether the modules that ``name`` imports late are installed; raise what ``entry`` raises."""
        return all(find_spec(package) is not None for package in self.entry(name).needs)

    def options(self, name: str) -> "type[BaseModel] | None":
        """Import and return the model of the options that ``name`` takes; None where it takes none.

        Raises what ``entry`` raises.
        """
        target = self.entry(name).options
        return None if target is None else cast("type[BaseModel]", _import(target))

    def files(self, name: str, options: Mapping[str, Any]) -> dict[str, str]:
        """Return option -> path, of the options of ``name`` that hold a path and are given.

        Raises what ``entry`` raises.
        """
        given = {option: options.get(option) for option in self.entry(name).files}
        return {option: path for option, path in given.items() if isinstance(path, str)}

    def named_by(self, path: str) -> str | None:
        """Return the name whose suffix the path ends in, built-in ones first; None where there is none."""
        for name in (*self._built_in, *sorted(set(self._installed) - set(self._built_in))):
            if any(path.endswith(suffix) for suffix in self.entry(name).suffixes):
                return name
        return None

    def suffixes(self) -> list[str]:
        """Return the endings of paths that any entry stands for."""
        return [suffix for name in self for suffix in self.entry(name).suffixes]

    def _missing(self, name: str, entry: Entry, package: str | None) -> MissingExtraError:
        """Return the refusal that names the package and the extra that brings it."""
        point = None if name in self._built_in else self._installed[name]
        distribution = _distribution(point) if point else "inc-mlflow"
        return MissingExtraError(
            f"{self.kind}: {name!r} needs the package {package!r}; "
            f"pip install '{distribution}[{entry.extra}]'"
        )

    def _load(self, name: str, point: "EntryPoint") -> Entry:
        """Import the entry of an installed package; MissingExtraError where that fails or gives no entry."""
        where = f"{self.kind}: {name!r} of the installed package {_distribution(point)!r}"
        try:
            entry = point.load()
        except (ImportError, AttributeError) as error:
            raise MissingExtraError(
                f"{where}: {point.value} cannot be imported ({reason(error)}); repair or uninstall it"
            ) from error
        if not isinstance(entry, Entry):
            raise MissingExtraError(
                f"{where}: {point.value} is {type(entry).__name__}; it must be an inc_mlflow.registry.Entry"
            )
        return entry

    @cached_property
    def _installed(self) -> "dict[str, EntryPoint]":
        from importlib.metadata import entry_points  # slow, and most runs only use built-in names

        return {point.name: point for point in entry_points(group=f"inc_mlflow.{self.kind}")}


def did_you_mean(name: str, allowed: Iterable[str]) -> str:
    """Return ", did you mean 'x'?" when a name is close to one that is allowed, else nothing."""
    close = difflib.get_close_matches(name, list(allowed), n=1)
    return f", did you mean {close[0]!r}?" if close else ""


def _import(target: str) -> Any:
    module, _, attribute = target.partition(":")
    return getattr(importlib.import_module(module), attribute)


def _distribution(point: "EntryPoint") -> str:
    return point.dist.name if point.dist else point.value
