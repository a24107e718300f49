"""Base of every part of the job: strict types, no unknown field, errors in one line that names the field."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError, model_validator
from pydantic_core import ErrorDetails, PydanticCustomError

from inc_mlflow.errors import SpecError
from inc_mlflow.registry import did_you_mean

METHOD_TAG = "method:"
"""Begins what stands there for a recipe; its engine and method follow."""
_TAGS = {"file", "callable_", "auto", "list", "named_", "emulated_", "one_", "several_", "source_"}
"""What pydantic puts into the place of an error for the members of unions; it is not the user's."""

_SHOWN = 60
"""Letters of what was given that stand in a message."""


class SpecModel(BaseModel):
    """A frozen piece of the job."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)

    @model_validator(mode="before")
    @classmethod
    def _known_fields(cls, data: Any) -> Any:
        """Suggest the field that was meant; pydantic's own message does not know its neighbours."""
        if isinstance(data, Mapping) and cls.model_config["extra"] == "forbid":
            allowed = [field.alias or name for name, field in cls.model_fields.items()]
            for key in data:
                if key not in allowed:
                    raise PydanticCustomError(
                        "unknown_field", "{text}", {"text": _unknown(str(key), allowed)}
                    )
            if torn := next(_torn(data), None):
                raise ValueError(
                    f"{short(torn)} holds half a character, which no file can; write the whole one"
                )
        return data


def spec_error(error: ValidationError) -> SpecError:
    """Return the first complaint as one line, and how many more there are."""
    # A list whose items are wrong also counts as too short: that second complaint is noise.
    found = error.errors(include_url=False)
    details = [d for d in found if not (d["type"] == "too_short" and d["input"])] or found
    more = f" (and {len(details) - 1} more)" if len(details) > 1 else ""
    return SpecError(f"{_message(details[0])}{more}")


def _unknown(key: str, allowed: list[str]) -> str:
    shown = key if key.isprintable() and len(key) <= _SHOWN else short(key)
    return f"{shown}: unknown field{did_you_mean(key, allowed)}; allowed are {', '.join(sorted(allowed))}"


def _torn(value: Any) -> Iterator[str]:
    """Yield the texts that hold a surrogate: JSON can write one, and UTF-8 cannot."""
    if isinstance(value, str):
        if any("\ud800" <= sign <= "\udfff" for sign in value):
            yield value
    elif isinstance(value, Mapping):
        for pair in value.items():
            yield from _torn(pair)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _torn(item)


def _message(detail: ErrorDetails) -> str:
    path, kind, given = _path(detail["loc"]), detail["type"], detail["input"]
    if kind == "unknown_field":
        return f"{path}.{detail['msg']}" if path else detail["msg"]
    if kind == "missing":
        return f"{path}: required field is missing"
    if kind == "value_error":
        return f"{path or 'job'}: {detail['ctx']['error']}"
    return f"{path or 'job'}: {_expected(detail['msg'])}, got {short(given)}"


def _path(location: tuple[int | str, ...]) -> str:
    """Join field names and list positions."""
    parts = [
        item
        for item in location
        if not (isinstance(item, str) and (item in _TAGS or item.startswith(METHOD_TAG)))
    ]
    text = ".".join(str(part) if isinstance(part, str) else f"[{part}]" for part in parts)
    return text.replace(".[", "[")


def _expected(text: str) -> str:
    """Turn pydantic's "Input should be a valid tuple" into "expected a list": the words of YAML."""
    text = re.sub(r"a valid dictionary or (object to extract fields from|instance of \w+)", "a mapping", text)
    text = text.replace("a valid tuple", "a list")
    return (
        text.replace("Input should be", "expected")
        if text.startswith("Input")
        else text[:1].lower() + text[1:]
    )


def short(value: Any) -> str:
    """Write what was given as in Python, its beginning where it is long."""
    text = repr(value)
    return text if len(text) <= _SHOWN else f"{text[: _SHOWN - 3]}..."
