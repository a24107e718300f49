"""Images by digest, as images.lock names them, in the public or in a site's own registry."""

import os
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated

from pydantic import Field, TypeAdapter, ValidationError

from inc_mlflow.errors import SpecError, UnknownNameError
from inc_mlflow.registry import did_you_mean
from inc_mlflow.spec.spec_model import SpecModel, spec_error
from inc_mlflow.spec.text import read_mapping, read_text, reading

LOCK = "INC_MLFLOW_IMAGES"
"""Environment variable with the path of another images.lock."""
NOWHERE = f"sha256:{'0' * 64}"
"""A digest that no image has: pulling by it fails, instead of fetching another image of that name."""
_SHIPPED = Path(__file__).parent / "images.lock"
_NAME = r"[a-z0-9]+([._-][a-z0-9]+)*"
_REPOSITORY = rf"^{_NAME}(:[0-9]+)?(/{_NAME})*$"


class _Image(SpecModel):
    """Where an image is, and the sha256 of its manifest; without one it is not published."""

    repository: Annotated[str, Field(pattern=_REPOSITORY)]
    digest: Annotated[str | None, Field(pattern=r"^sha256:[0-9a-f]{64}$")] = None


_IMAGES = TypeAdapter(dict[Annotated[str, Field(pattern=rf"^{_NAME}$")], _Image])


def reference(name: str, registry: str | None = None) -> str:
    """Return an image by digest; ``registry`` is where a site keeps its copy, whose digest is the same.

    SpecError and UnknownNameError are one line that names the lock.
    """
    image = _image(name, _locked())
    if registry and not re.match(_REPOSITORY, registry):
        raise SpecError(
            f"image registry: {registry!r} is none; give HOST[:PORT][/PATH] without scheme, tag or digest"
        )
    return f"{registry or image.repository}/{name}@{image.digest or NOWHERE}"


def unpublished(names: Iterable[str]) -> list[str]:
    """Return which of these images nobody can pull yet."""
    images = _locked()
    return sorted({name for name in names if _image(name, images).digest is None})


def not_published(names: Iterable[str]) -> str | None:
    """Say in one line which images nobody can pull yet and what to do; None where all are there."""
    missing = unpublished(names)
    if not missing:
        return None
    return (
        f"images.lock: no digest of {', '.join(missing)}, so no cluster can pull it; "
        f"build and lock your own with `make image-push REGISTRY=…`, or name another lock with {LOCK}"
    )


def _image(name: str, images: Mapping[str, _Image]) -> _Image:
    if name not in images:
        raise UnknownNameError(
            f"images: no {name!r}{did_you_mean(name, list(images))}; there are {', '.join(sorted(images))}"
        )
    return images[name]


def _locked() -> dict[str, _Image]:
    path = Path(os.environ.get(LOCK) or _SHIPPED)
    with reading(path, "a lock of images"):
        try:
            return _IMAGES.validate_python(dict(read_mapping(read_text(path), "images")))
        except ValidationError as error:
            raise SpecError(str(spec_error(error)).removeprefix("job: ")) from error
