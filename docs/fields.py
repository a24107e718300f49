"""Print every field of the job file in Markdown, from its JSON schema.

`make docs` writes it to fields.md.
"""

import json
from collections.abc import Iterator
from typing import Any

from inc_mlflow.spec import JobSpec

HEAD = """# All fields of the job file

Made from the job's JSON schema by `make docs`; do not edit. `inc-mlflow schema` prints the schema, which
completes a job in an editor. What fields are for, with examples: [the job file](job.md).
"""
Schema = dict[str, Any]


def kind(field: Schema) -> str:
    """Return what a field may hold, in the schema's own words."""
    if "$ref" in field:
        name = field["$ref"].rsplit("/", 1)[1]
        return f"[{name}](#{name.lower()})"
    if "enum" in field or "const" in field:
        return ", ".join(f"`{value}`" for value in field.get("enum", [field.get("const")]))
    for several in ("anyOf", "oneOf"):
        if several in field:
            return " or ".join(dict.fromkeys(kind(one) for one in field[several]))
    if field.get("type") == "array":
        inside = kind(field["items"]) if isinstance(field.get("items"), dict) else "anything"
        return f"list of {inside}"
    values = field.get("additionalProperties")
    if field.get("type") == "object" and isinstance(values, dict):
        return f"mapping to {kind(values)}"
    return str(
        {"null": "nothing", "object": "mapping"}.get(field.get("type", ""), field.get("type", "anything"))
    )


def default(field: Schema, name: str, holder: Schema) -> str:
    """Return what stands in for a field that is left out."""
    if name in holder.get("required", ()):
        return "must be given"
    value = field.get("default")
    return "" if value is None or isinstance(value, dict) else f"`{json.dumps(value)}`"


def cell(text: str) -> str:
    """Return a text as a cell of a table."""
    return " ".join(text.split()).replace("|", "\\|")


def rows(holder: Schema) -> Iterator[str]:
    """Yield a table of the fields of a mapping."""
    yield "| field | holds | by default | meaning |\n|---|---|---|---|"
    for name, field in holder["properties"].items():
        cells = (f"`{name}`", kind(field), default(field, name, holder), field.get("description", ""))
        yield f"| {' | '.join(map(cell, cells))} |"


def sections(schema: Schema) -> Iterator[str]:
    """Yield the page's lines: the job, then what its fields refer to."""
    yield "## The job\n"
    yield from rows(schema)
    for name, inner in sorted(schema["$defs"].items()):
        yield f"\n## {name}\n"
        if inner.get("description"):
            yield f"{' '.join(inner['description'].split())}\n"
        mappings = [
            one for one in (inner, *inner.get("anyOf", ()), *inner.get("oneOf", ())) if "properties" in one
        ]
        if inner not in mappings:
            yield f"Holds {kind(inner)}.\n"
        for mapping in mappings:
            yield from rows(mapping)


if __name__ == "__main__":
    print(HEAD)
    print("\n".join(sections(JobSpec.model_json_schema())))
