"""Print what every component takes and gives in Markdown, from the components themselves.

`make docs` writes it to tasks.md.
"""

from collections.abc import Iterator
from typing import Any

from inc_mlflow.components import COMPONENTS

HEAD = """# Components

Made from the components themselves by `make docs`; do not edit. Each is a task of Kubeflow Pipelines, and a
file in `components/yaml` for pipelines of your own; [the pipelines](pipelines.md) connect them. Records go as
artifacts from one task to the next; `job` is the whole job as one line of JSON, `root` where its files are.
"""


def types(given: Any) -> str:
    """Return inputs or outputs with their types."""
    named = {name: one.type.split("@")[0].removeprefix("system.") for name, one in (given or {}).items()}
    return ", ".join(f"`{name}` ({kind})" for name, kind in named.items())


def sections() -> Iterator[str]:
    """Yield a section for each component."""
    for name in COMPONENTS:
        spec = COMPONENTS.get(name).component_spec
        yield f"## {name}\n\n{' '.join((spec.description or '').split())}\n"
        yield f"- takes {types(spec.inputs)}"
        yield f"- gives {types(spec.outputs) or 'nothing but its success'}\n"


if __name__ == "__main__":
    print(HEAD)
    print("\n".join(sections()).rstrip())
