"""Splits of the job: where rows come from and how they become model inputs."""

from collections.abc import Mapping
from typing import Annotated, Any, Self, TypeVar

from pydantic import (
    AfterValidator,
    Discriminator,
    Field,
    SerializeAsAny,
    Tag,
    ValidationInfo,
    field_validator,
    model_validator,
)

from inc_mlflow.errors import SpecError
from inc_mlflow.registry.datasets import DATASETS
from inc_mlflow.remote import Address, is_remote
from inc_mlflow.spec.names import NameOf, OptionsOf
from inc_mlflow.spec.spec_model import SpecModel

_ROWS = 10**12
"""More rows than any split has."""
LARGEST = 100_000
"""More pixels, or rows at a time, than memory holds: a larger number is a slip."""
_ALWAYS_WRITTEN = {"layout": "NCHW", "color": "RGB"}
"""What job texts written by earlier versions say of every split, whatever its format."""
ARTIFACT = "artifact://"
"""What paths inside a model artifact begin with, which a task of a user's own pipeline makes."""


def possible_path(path: str) -> str:
    """Return the path; raises ValueError where no file can have that name."""
    if "\0" in path or len(path) > 4096 or any(len(part.encode()) > 255 for part in path.split("/")):
        raise ValueError("no file can have that name; a part of a path has at most 255 bytes, none of them 0")
    return path


def supported_path(path: str) -> str:
    """Return the path; raise ValueError for an address of no store, and as ``possible_path``."""
    if is_remote(path):
        try:
            Address.parse(path)
        except SpecError as error:
            raise ValueError(str(error)) from error
    return possible_path(path)


def in_artifact(path: str) -> bool:
    """Tell whether a path is one inside the artifact."""
    return path.startswith(ARTIFACT)


def inside_artifact(path: str) -> str:
    """Return a path inside the artifact; raise ValueError where it would lead out of it."""
    if path.startswith(f"{ARTIFACT}/") or ".." in path.removeprefix(ARTIFACT).split("/"):
        raise ValueError(f"{path} leaves the artifact; give a path inside it, as {ARTIFACT}NAME")
    return possible_path(path)


def _model_path(path: str) -> str:
    return inside_artifact(path) if in_artifact(path) else supported_path(path)


LocalPath = Annotated[str, AfterValidator(possible_path)]
"""A path relative to the job file."""
Function = Annotated[str, Field(pattern=r"^.+\.py:\w+$"), AfterValidator(possible_path)]
"""A function in a file of the user's, as file.py:function."""
RemotePath = Annotated[str, AfterValidator(supported_path)]
"""A path relative to the job file, or the address of a remote file."""
ModelPath = Annotated[str, AfterValidator(_model_path)]
"""A path relative to the job file, the address of a remote file, or a path inside the artifact."""


class FormatOptions(SpecModel):
    """Base of the options of a data format, which a job gives as ``transform``."""


_Options = TypeVar("_Options", bound=FormatOptions)


class FileSplit(SpecModel):
    """Rows of a file or folder; ``start``, ``stop`` and ``samples`` choose among them, order is kept."""

    path: Annotated[
        RemotePath,
        Field(
            description="An .npz, a folder of class folders with images, or a .tsv/.csv; also s3://bucket/path."
        ),
    ]
    format: Annotated[
        Annotated[str, NameOf(DATASETS)] | None,
        Field(description="A name from `inc-mlflow list datasets`; by default told from the path."),
    ] = None
    start: Annotated[int, Field(ge=0, le=_ROWS, description="First row.")] = 0
    stop: Annotated[int | None, Field(ge=1, le=_ROWS, description="Row after the last.")] = None
    samples: Annotated[
        int | None, Field(ge=1, le=_ROWS, description="How many rows, drawn with `seed`; all by default.")
    ] = None
    seed: Annotated[int, Field(ge=0, lt=2**63, description="Of the draw of `samples`.")] = 0
    batch: Annotated[
        int,
        Field(ge=1, le=LARGEST, description="Rows per batch in calibration; evaluation uses the layout's."),
    ] = 1
    inputs: dict[str, str] = Field(
        default_factory=dict, description="Graph input -> array or encoding, where names differ."
    )
    label: Annotated[str, Field(description="Array or column of labels.")] = "label"
    transform: Annotated[
        SerializeAsAny[FormatOptions] | None,
        OptionsOf(DATASETS),
        Field(validate_default=True, description="Options of the format."),
    ] = None

    @field_validator("transform", mode="before")
    @classmethod
    def _options_of_the_format(cls, value: Any, info: ValidationInfo) -> Any:
        """Read the options by the model that the format's entry names; None where the format has none."""
        if not {"path", "format"} <= info.data.keys():
            return None  # wrong themselves, and refused for that
        name = _format_name(info.data["path"], info.data["format"])
        kind = DATASETS.options(name)
        known = kind.model_fields if kind else {}
        given = value if value is not None else {}
        if isinstance(given, Mapping):
            given = {
                key: one for key, one in given.items() if key in known or _ALWAYS_WRITTEN.get(key) != one
            }
        if kind is None and given:
            raise ValueError(f"the format {name} has no options; leave it out")
        return kind.model_validate(given) if kind else None

    @model_validator(mode="after")
    def _possible(self) -> Self:
        if self.stop is not None and self.stop <= self.start:
            raise ValueError(f"stop ({self.stop}) must be above start ({self.start})")
        return self

    @property
    def format_name(self) -> str:
        """The name of the format, as given or told from the path."""
        return _format_name(self.path, self.format)

    def option_files(self) -> dict[str, str]:
        """Return option -> path, of the format's options that name a file."""
        return DATASETS.files(self.format_name, dict(self.transform or ()))

    def options(self, kind: type[_Options]) -> _Options:
        """Return the options of the split's format; raises TypeError where they are of another one."""
        if not isinstance(self.transform, kind):
            raise TypeError(f"transform is {type(self.transform).__name__}, not {kind.__name__}")
        return self.transform


def _format_name(path: str, given: str | None) -> str:
    """Return the name of a format: the one given, else that of the path's suffix, else that of folders."""
    return given or DATASETS.named_by(path) or DATASETS.named_by("/") or ""


class CallableSplit(SpecModel):
    """Rows from a function ``f(split) -> iterator of (inputs, labels)`` in a file beside the job."""

    function: Annotated[Function, Field(alias="callable", description="file.py:function")]


def _kind(data: Any) -> str:
    if isinstance(data, dict):
        return "callable_" if "callable" in data else "file"
    return "callable_" if isinstance(data, CallableSplit) else "file"


Split = Annotated[
    Annotated[FileSplit, Tag("file")] | Annotated[CallableSplit, Tag("callable_")],
    Discriminator(_kind),
]


class DataSpec(SpecModel):
    """The splits, kept apart by content."""

    training: Annotated[
        Split | None, Field(description="What methods that train learn from; its labels, where it has some.")
    ] = None
    calibration: Annotated[
        Split | None, Field(description="Ranges of activations; static recipes need it.")
    ] = None
    tuning: Annotated[Split | None, Field(description="For choosing; never judges.")] = None
    validation: Annotated[Split, Field(description="Judges; no row of it may stand in the others.")]
    group: Annotated[
        str | None,
        Field(
            min_length=1,
            description="Array or column of validation that says which rows belong together "
            "(a speaker, a picture): groups are resampled, not rows.",
        ),
    ] = None

    axes: Annotated[
        dict[str, Annotated[int, Field(ge=0, lt=64)] | None] | None,
        Field(
            description="Input or output of the model -> its axis that counts rows, from 0; null where it "
            "has one value for the whole batch. Needed where declared names and sizes do not tell."
        ),
    ] = None

    @field_validator("axes", mode="before")
    @classmethod
    def _names(cls, value: Any) -> Any:
        """Take the numbers that some exporters give as names, and YAML reads as numbers."""
        if not isinstance(value, Mapping):
            return value
        return {str(key) if type(key) is int else key: axis for key, axis in value.items()}

    def splits(self) -> dict[str, FileSplit | CallableSplit]:
        """Return the splits that are given, by name."""
        names = ("training", "calibration", "tuning", "validation")
        given = {name: getattr(self, name) for name in names}
        return {name: split for name, split in given.items() if split is not None}
