"""Splits of the job: where rows come from and how they become model inputs."""

from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, Discriminator, Field, Tag, model_validator

from inc_mlflow.errors import SpecError
from inc_mlflow.remote import Address, is_remote
from inc_mlflow.spec.part import Part

SplitName = Literal["calibration", "tuning", "validation"]


def _supported(path: str) -> str:
    if is_remote(path):
        try:
            Address.parse(path)
        except SpecError as error:
            raise ValueError(str(error)) from error
    return path


RemotePath = Annotated[str, AfterValidator(_supported)]
"""A path relative to the job file, or the address of a remote file."""


_Channels = Annotated[
    tuple[float, ...] | None,
    Field(strict=False, min_length=1, description="One value, or one per channel, of values in 0..1."),
]


class Transform(Part):
    """From an image or a text to arrays: resize, crop and normalise an image, or tokenise a text."""

    resize: Annotated[int | None, Field(ge=1, description="Pixels of the shorter side.")] = None
    crop: Annotated[int | None, Field(ge=1, description="Pixels of the centre square.")] = None
    mean: Annotated[
        tuple[float, ...] | None, Field(strict=False, min_length=1, description="Per channel, of values in 0..1.")
    ] = None
    std: Annotated[
        tuple[float, ...] | None, Field(strict=False, min_length=1, description="Per channel, of values in 0..1.")
    ] = None
    layout: Annotated[Literal["NCHW", "NHWC"], Field(description="Order of the image axes.")] = "NCHW"
    color: Annotated[Literal["RGB", "BGR", "L"], Field(description="Order of the channels; L is grey.")] = "RGB"
    tokenizer: Annotated[str | None, Field(description="A tokenizer.json, relative to the job file.")] = None
    max_length: Annotated[int | None, Field(ge=1, description="Tokens: longer rows are cut, shorter ones padded.")] = None
    columns: Annotated[
        tuple[str, ...] | None,
        Field(strict=False, min_length=1, max_length=2, description="Text columns: one, or two for sentence pairs."),
    ] = None

    @model_validator(mode="after")
    def _possible(self) -> Self:
        if (self.mean is None) != (self.std is None):
            raise ValueError("mean and std come together")
        if self.std is not None and min(self.std) <= 0:
            raise ValueError("std must be above 0")
        return self


class FileSplit(Part):
    """Rows of a file or folder; ``start``, ``stop`` and ``samples`` choose among them, order is kept."""

    path: Annotated[
        RemotePath, Field(description="An .npz, a folder of class folders with images, or a .tsv/.csv; also s3://bucket/path.")
    ]
    format: Annotated[Literal["npz", "images", "text"] | None, Field(description="By default told from the path.")] = None
    start: Annotated[int, Field(ge=0, description="First row.")] = 0
    stop: Annotated[int | None, Field(ge=1, description="Row after the last.")] = None
    samples: Annotated[int | None, Field(ge=1, description="How many rows, drawn with `seed`; all by default.")] = None
    seed: int = 0
    batch: Annotated[int, Field(ge=1, description="Rows per batch in calibration; evaluation uses the layout's.")] = 1
    inputs: dict[str, str] = Field(default_factory=dict, description="Graph input -> array or encoding, where names differ.")
    label: Annotated[str, Field(description="Array or column of labels.")] = "label"
    transform: Transform = Transform()

    @model_validator(mode="after")
    def _possible(self) -> Self:
        if self.stop is not None and self.stop <= self.start:
            raise ValueError(f"stop ({self.stop}) must be above start ({self.start})")
        return self


class CallableSplit(Part):
    """Rows from a function ``f(split) -> iterator of (inputs, labels)`` in a file beside the job."""

    function: Annotated[str, Field(alias="callable", pattern=r"^.+\.py:\w+$", description="file.py:function")]


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

    calibration: Annotated[Split | None, Field(description="Ranges of activations; static recipes need it.")] = None
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
