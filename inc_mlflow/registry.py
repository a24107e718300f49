"""Names to objects. A target is "module:attribute", imported on first use."""

import difflib
import importlib
from collections.abc import Iterator
from functools import cached_property
from typing import Generic, TypeVar, cast

from inc_mlflow.errors import MissingExtraError, UnknownNameError

T = TypeVar("T")


class Registry(Generic[T]):
    """A table of lazy targets, plus what installed packages add under the entry points ``inc_mlflow.<kind>``."""

    def __init__(self, kind: str, targets: dict[str, str], extras: dict[str, str] | None = None) -> None:
        self.kind = kind
        self._built_in = targets
        self._extras = extras or {}

    def __iter__(self) -> Iterator[str]:
        return iter(sorted(self._all))

    def __contains__(self, name: str) -> bool:
        return name in self._built_in or name in self._all

    def get(self, name: str) -> T:
        """Import and return the object called ``name``.

        MissingExtraError names the extra that brings its package.
        """
        module, _, attribute = self._target(name).partition(":")
        try:
            return cast(T, getattr(importlib.import_module(module), attribute))
        except ModuleNotFoundError as error:
            extra = self._extras.get(name)
            if extra is None:
                raise
            raise MissingExtraError(
                f"{self.kind}: {name!r} needs the package {error.name!r}; pip install 'inc-mlflow[{extra}]'"
            ) from error

    def _target(self, name: str) -> str:
        target = self._built_in.get(name) or self._all.get(name)
        if target is None:
            raise UnknownNameError(
                f"{self.kind}: no {name!r}{did_you_mean(name, self)}; there are {', '.join(self)}"
            )
        return target

    @cached_property
    def _all(self) -> dict[str, str]:
        from importlib.metadata import entry_points  # slow, and most runs only use built-in names

        installed = {entry.name: entry.value for entry in entry_points(group=f"inc_mlflow.{self.kind}")}
        return installed | self._built_in


def did_you_mean(name: str, allowed: "Iterator[str] | Registry[T] | list[str]") -> str:
    """Return ", did you mean 'x'?" when a name is close to one that is allowed, else nothing."""
    close = difflib.get_close_matches(name, list(allowed), n=1)
    return f", did you mean {close[0]!r}?" if close else ""
