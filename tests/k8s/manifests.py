"""The rendered manifests, and ways to look into them."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from tests.support.paths import ROOT

K8S = ROOT / "k8s"
OVERLAYS = sorted(path.name for path in (K8S / "overlays").iterdir() if path.name != "site")
PIPELINES, GATE, SERVER = "inc-mlflow-pipelines", "inc-mlflow-gate", "inc-mlflow"
KUBECTL = shutil.which("kubectl")

Object = dict[str, Any]


def render(folder: Path) -> list[Object]:
    done = subprocess.run([KUBECTL, "kustomize", folder], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return [found for found in yaml.safe_load_all(done.stdout) if found]


def with_component(overlay: str, component: str, folder: Path) -> Path:
    """Write what a site adds to an overlay; kustomize takes relative paths only."""
    resource, added = (
        os.path.relpath(path, folder.resolve()) for path in (K8S / "overlays" / overlay, K8S / component)
    )
    (folder / "kustomization.yaml").write_text(
        yaml.safe_dump({"resources": [resource], "components": [added]})
    )
    return folder


def only(objects: list[Object], kind: str, namespace: str | None = None) -> list[Object]:
    return [
        one
        for one in objects
        if one["kind"] == kind and namespace in (None, one["metadata"].get("namespace"))
    ]


def named(objects: list[Object], kind: str, name: str, namespace: str | None = None) -> Object:
    (found,) = (one for one in only(objects, kind, namespace) if one["metadata"]["name"] == name)
    return found


def templates(objects: list[Object]) -> list[tuple[str, Object]]:
    """Return namespace and pod template of everything that makes pods."""
    found = []
    for one in objects:
        spec = one.get("spec", {})
        template = spec.get("jobTemplate", {}).get("spec", spec).get("template", {})
        if "containers" in template.get("spec", {}):
            found.append((one["metadata"]["namespace"], template))
    return found


def containers(template: Object) -> list[Object]:
    return [*template["spec"].get("initContainers", []), *template["spec"]["containers"]]


def leaves(value: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Give every value and the names on the way to it; positions in lists are no names."""
    if isinstance(value, dict):
        for key, below in value.items():
            yield from leaves(below, (*path, str(key)))
    elif isinstance(value, list):
        for below in value:
            yield from leaves(below, path)
    else:
        yield path, value


def selects(selector: Object, labels: dict[str, str]) -> bool:
    """Tell whether a label selector takes these labels."""
    expressions = selector.get("matchExpressions", [])
    assert all(one["operator"] == "Exists" for one in expressions), "other operators are not needed yet"
    equal = selector.get("matchLabels", {}).items() <= labels.items()
    return equal and all(one["key"] in labels for one in expressions)
