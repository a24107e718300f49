"""Options of the built-in data formats, which a job gives as ``transform``."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from inc_mlflow.spec.data import LARGEST, FormatOptions, LocalPath

_FARTHEST = 1e6
"""Largest mean and std of values in 0..1, and the inverse of the smallest; anything beyond is a slip."""


class ImageTransform(FormatOptions):
    """From an image to an array: resize, crop and normalise."""

    resize: Annotated[int | None, Field(ge=1, le=LARGEST, description="Pixels of the shorter side.")] = None
    crop: Annotated[int | None, Field(ge=1, le=LARGEST, description="Pixels of the centre square.")] = None
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


class TextTransform(FormatOptions):
    """From a row of a table to tokens."""

    tokenizer: Annotated[
        LocalPath | None, Field(description="A tokenizer.json, relative to the job file.")
    ] = None
    max_length: Annotated[
        int | None,
        Field(ge=1, le=10 * LARGEST, description="Tokens: longer rows are cut, shorter ones padded."),
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
