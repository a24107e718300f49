"""Write down what was pushed.

`docker buildx bake --metadata-file` gives the input; images.lock and the digests of k8s/ are the output.
"""

import json
import sys
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[2]
LOCK = ROOT / "pipelines" / "images.lock"
KUSTOMIZATION = Path(__file__).with_name("kustomization.yaml")


def main() -> None:
    """Take the digests of the metadata file on the command line."""
    images = read(json.loads(Path(sys.argv[1]).read_text()))
    LOCK.write_text(_with_comment(LOCK, images))
    KUSTOMIZATION.write_text(_with_comment(KUSTOMIZATION, kustomization(images)))


def read(metadata: dict[str, Any]) -> dict[str, dict[str, str]]:
    """Return repository and digest of every target that was pushed; bake's other entries are no images."""
    pushed = {
        name: built
        for name, built in metadata.items()
        if isinstance(built, dict) and "containerimage.digest" in built
    }
    if not pushed:
        raise SystemExit("metadata: no target has a digest; bake with --push --metadata-file")
    return {name: _locked(name, pushed[name]) for name in sorted(pushed)}


def kustomization(images: dict[str, dict[str, str]]) -> dict[str, Any]:
    """Return the kustomize component that puts these images into the manifests."""
    replaced = [
        {"name": f"inc-mlflow/{name}", "newName": f"{image['repository']}/{name}", "digest": image["digest"]}
        for name, image in images.items()
    ]
    return {"apiVersion": "kustomize.config.k8s.io/v1alpha1", "kind": "Component", "images": replaced}


def _locked(name: str, built: dict[str, str]) -> dict[str, str]:
    """Split REGISTRY/PATH/NAME:TAG, the first of all names that the image was pushed as."""
    first = built["image.name"].split(",")[0]
    repository, _, last = first.rpartition("/")
    if last.split(":")[0] != name:
        raise SystemExit(f"metadata: {first} is no image of the target {name}; name it .../{name}:TAG")
    return {"repository": repository, "digest": built["containerimage.digest"]}


def _with_comment(path: Path, content: dict[str, Any]) -> str:
    """Keep the lines that say what the file is."""
    comment = [line for line in path.read_text().splitlines(keepends=True) if line.startswith("#")]
    return "".join(comment) + yaml.safe_dump(content, sort_keys=False)


if __name__ == "__main__":
    main()
