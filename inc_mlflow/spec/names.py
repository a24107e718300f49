"""Fields of the job that hold a name of a registry: checked against it, and listed in the JSON schema."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, core_schema

from inc_mlflow.registry import Registry


@dataclass(frozen=True)
class NameOf:
    """Annotation of a text: a name of ``table``, built-in or of an installed package."""

    table: Registry[Any]

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        """Check the name; the refusal lists what there is."""
        return core_schema.no_info_after_validator_function(self._known, handler(source))

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        """List the names that there are now."""
        return handler(schema) | {"enum": list(self.table)}

    def _known(self, name: str) -> str:
        if name not in self.table:
            raise ValueError(self.table.unknown(name))
        return name


@dataclass(frozen=True)
class OptionsOf:
    """Annotation of a field that holds the options of an entry: the JSON schema takes those of any entry."""

    table: Registry[Any]

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        """Return a choice between the options of all entries that take some."""
        models = [self.table.options(name) for name in self.table]
        return {"anyOf": [handler(model.__pydantic_core_schema__) for model in models if model is not None]}


@dataclass(frozen=True)
class NameWithOptions:
    """Annotation of a mapping with the ``name`` of an entry and its options, or of the bare name."""

    table: Registry[Any]

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        """Turn a bare name into a mapping, and check the name; the options are left to the entry itself."""
        return core_schema.no_info_before_validator_function(self._mapping, handler(source))

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        """Return the choice between the two forms."""
        names = {"type": "string", "enum": list(self.table)}
        return {"anyOf": [names, {"type": "object", "properties": {"name": names}, "required": ["name"]}]}

    def _mapping(self, value: Any) -> Any:
        given = {"name": value} if isinstance(value, str) else value
        if isinstance(given, Mapping):
            name = given.get("name")
            if not isinstance(name, str):
                raise ValueError("give its name, as {name: nms, iou_threshold: 0.5}")
            if name not in self.table:
                raise ValueError(self.table.unknown(name))
        return given
