"""Splits of the job: where rows come from and how they become model inputs."""

from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, Discriminator, Field, Tag, model_validator

from inc_mlflow.errors import SpecError
from inc_mlflow.remote import Address, is_remote
from inc_mlflow.spec.spec_model import Part

SplitName = Literal["calibration", "tuning", "validation"]


_ROWS, _LARGEST = 10**12, 100_000
"""More rows than any split has, and more pixels, tokens or rows at a time than memory holds: such a number is
a slip."""
_FARTHEST = 1e6
"""Times that mean and std of values in 0..1 may be more than 1, or less."""


def possible_path(path: str) -> str:
    """Refuse what no file can be called; the system would say so wherever the path is looked at first."""
    if "\0" in path or len(path) > 4096 or any(len(part.encode()) > 255 for part in path.split("/")):
        raise ValueError("no file can have that name; a part of a path has at most 255 bytes, none of them 0")
    return path


def _supported(path: str) -> str:
    if is_remote(path):
        try:
            Address.parse(path)
        except SpecError as error:
            raise ValueError(str(error)) from error
    return possible_path(path)


LocalPath = Annotated[str, AfterValidator(possible_path)]
"""A path relative to the job file."""
Function = Annotated[str, Field(pattern=r"^.+\.py:\w+$"), AfterValidator(possible_path)]
"""A function in a file of the user's, as file.py:function."""
RemotePath = Annotated[str, AfterValidator(_supported)]
"""A path relative to the job file, or the address of a remote file."""


class Transform(Part):
    """From an image or a text to arrays: resize, crop and normalise an image, or tokenise a text."""

    resize: Annotated[int | None, Field(ge=1, le=_LARGEST, description="Pixels of the shorter side.")] = None
    crop: Annotated[int | None, Field(ge=1, le=_LARGEST, description="Pixels of the centre square.")] = None
    mean: Annotated[
        tuple[float, ...] | None,
        Field(strict=False, min_length=1, description="Per channel, of values in 0..1."),
    ] = None
    std: Annotated[
        tuple[float, ...] | None,
        Field(strict=False, min_length=1, description="Per channel, of values in 0..1."),
    ] = None
    layout: Annotated[Literal["NCHW", "NHWC"], Field(description="Order of the image axes.")] = "NCHW"
    color: Annotated[Literal["RGB", "BGR", "L"], Field(description="Order of the channels; L is grey.")] = (
        "RGB"
    )
    tokenizer: Annotated[
        LocalPath | None, Field(description="A tokenizer.json, relative to the job file.")
    ] = None
    max_length: Annotated[
        int | None,
        Field(ge=1, le=10 * _LARGEST, description="Tokens: longer rows are cut, shorter ones padded."),
    ] = None
    columns: Annotated[
        tuple[str, ...] | None,
        Field(
            strict=False,
            min_length=1,
            max_length=2,
            description="Text columns: one, or two for sentence pairs.",
        ),
    ] = None

    @model_validator(mode="after")
    def _possible(self) -> Self:
        if (self.mean is None) != (self.std is None):
            raise ValueError("mean and std come together")
        if self.std is not None and min(self.std) <= 0:
            raise ValueError("std must be above 0")
        given = [abs(value) for value in (*(self.mean or ()), *(self.std or ())) if value]
        if given and not 1 / _FARTHEST <= min(given) <= max(given) <= _FARTHEST:
            raise ValueError(
                f"mean and std are of values in 0..1; {_FARTHEST:g} times more or less is a slip"
            )
        return self


class FileSplit(Part):
    """Rows of a file or folder; ``start``, ``stop`` and ``samples`` choose among them, order is kept."""

    path: Annotated[
        RemotePath,
        Field(
            description="An .npz, a folder of class folders with images, or a .tsv/.csv; also s3://bucket/path."
        ),
    ]
    format: Annotated[
        Literal["npz", "images", "text"] | None, Field(description="By default told from the path.")
    ] = None
    start: Annotated[int, Field(ge=0, le=_ROWS, description="First row.")] = 0
    stop: Annotated[int | None, Field(ge=1, le=_ROWS, description="Row after the last.")] = None
    samples: Annotated[
        int | None, Field(ge=1, le=_ROWS, description="How many rows, drawn with `seed`; all by default.")
    ] = None
    seed: Annotated[int, Field(ge=0, lt=2**63, description="Of the draw of `samples`.")] = 0
    batch: Annotated[
        int,
        Field(ge=1, le=_LARGEST, description="Rows per batch in calibration; evaluation uses the layout's."),
    ] = 1
    inputs: dict[str, str] = Field(
        default_factory=dict, description="Graph input -> array or encoding, where names differ."
    )
    label: Annotated[str, Field(description="Array or column of labels.")] = "label"
    transform: Transform = Transform()

    @model_validator(mode="after")
    def _possible(self) -> Self:
        if self.stop is not None and self.stop <= self.start:
            raise ValueError(f"stop ({self.stop}) must be above start ({self.start})")
        return self


class CallableSplit(Part):
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


class DataSpec(Part):
    """The three splits, kept apart by content."""

    calibration: Annotated[
        Split | None, Field(description="Ranges of activations; static recipes need it.")
    ] = None
    tuning: Annotated[Split | None, Field(description="For choosing; never judges.")] = None
    validation: Annotated[Split, Field(description="Judges; no row of it may stand in the other two.")]
    group: Annotated[
        str | None,
        Field(
            min_length=1,
            description="Array or column of validation that says which rows belong together (a speaker, a picture): "
            "groups are resampled, not rows.",
        ),
    ] = None

    def splits(self) -> dict[str, FileSplit | CallableSplit]:
        """Return the splits that are given, by name."""
        given = {"calibration": self.calibration, "tuning": self.tuning, "validation": self.validation}
        return {name: split for name, split in given.items() if split is not None}
