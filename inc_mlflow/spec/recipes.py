"""Recipes: one way to compress each, with options in ONNX Runtime's own names."""

from typing import Annotated, Any, Literal, Self

from pydantic import Field, TypeAdapter, ValidationError, field_validator, model_validator

from inc_mlflow.errors import SpecError
from inc_mlflow.spec.spec_model import Part, spec_error

IntType = Literal["QUInt8", "QInt8"]
CalibrateMethod = Literal["minmax", "percentile", "entropy", "mse"]
_PerChannel = Annotated[
    bool, Field(description="One weight scale per output channel instead of one per tensor.")
]
_ReduceRange = Annotated[bool, Field(description="7-bit weights: no int16 saturation on CPUs without VNNI.")]
_WeightType = Annotated[IntType, Field(description="Integer type of weights; QInt8 is right on x86 and ARM.")]
_OpTypes = Annotated[
    tuple[str, ...] | None,
    Field(
        description="Operators to quantise, as [Conv, MatMul]; all that ONNX Runtime supports by default.",
        strict=False,
        min_length=1,
    ),
]
_Exclude = Annotated[
    tuple[str, ...], Field(description="Names of baseline nodes that stay FP32.", strict=False)
]


class Static(Part):
    """Activations with ranges from calibration: fastest where convolutions dominate."""

    method: Literal["static"] = "static"
    quant_format: Annotated[
        Literal["QDQ", "QOperator"], Field(description="How the file expresses INT8.")
    ] = "QDQ"
    activation_type: Annotated[
        IntType, Field(description="QUInt8 is right on x86; QInt8 is slower than FP32 there.")
    ] = "QUInt8"
    weight_type: _WeightType = "QInt8"
    per_channel: _PerChannel = True
    calibrate_method: Annotated[CalibrateMethod, Field(description="How ranges follow from calibration.")] = (
        "minmax"
    )
    reduce_range: Annotated[
        bool | Literal["saturating"],
        Field(
            description="7-bit weights, safe on CPUs without VNNI: everywhere (true), or only where layers saturate."
        ),
    ] = False
    cross_layer_equalization: Annotated[
        bool,
        Field(description="Balance the weights of consecutive convolutions first: for per-tensor scales."),
    ] = False
    smooth_quant: Annotated[
        float | None,
        Field(
            gt=0,
            lt=1,
            description="Move outliers of activations into weights by this exponent, as 0.5: for transformers.",
        ),
    ] = None
    bias_correction: Annotated[
        bool, Field(description="Take the mean error of each layer back by its bias.")
    ] = False
    op_types_to_quantize: _OpTypes = None
    nodes_to_exclude: _Exclude = ()

    @field_validator("calibrate_method", mode="before")
    @classmethod
    def _for_integers(cls, method: Any) -> Any:
        if method == "distribution":
            raise ValueError(
                "'distribution' is for float8 and ruins INT8; use minmax, percentile, entropy or mse"
            )
        return method

    @model_validator(mode="after")
    def _possible(self) -> Self:
        if self.activation_type == "QInt8" and self.weight_type == "QUInt8":
            raise ValueError(
                "activation_type QInt8 with weight_type QUInt8 has no kernel; use weight_type QInt8"
            )
        if self.reduce_range == "saturating" and self.quant_format != "QDQ":
            raise ValueError(
                "reduce_range saturating is for quant_format QDQ only; use that, or reduce_range true"
            )
        if self.bias_correction and self.quant_format != "QDQ":
            raise ValueError("bias_correction is for quant_format QDQ only; use that, or leave it out")
        return self


class Dynamic(Part):
    """Activations scaled at run time, no calibration: strong for transformers and recurrent models."""

    method: Literal["dynamic"] = "dynamic"
    weight_type: _WeightType = "QInt8"
    per_channel: _PerChannel = True
    reduce_range: _ReduceRange = False
    op_types_to_quantize: _OpTypes = None
    nodes_to_exclude: _Exclude = ()


Recipe = Annotated[Static | Dynamic, Field(discriminator="method")]
_ADAPTER: TypeAdapter[Static | Dynamic] = TypeAdapter(Recipe)


def parse_recipe(data: Any) -> Static | Dynamic:
    """Read one recipe from plain data; SpecError names the field."""
    try:
        return _ADAPTER.validate_python(data)
    except ValidationError as error:
        raise SpecError(f"recipe: {str(spec_error(error)).removeprefix('job').removeprefix(': ')}") from error


def label(recipe: Static | Dynamic) -> str:
    """Name a recipe by what differs, as "static u8s8 per-channel"."""
    return " ".join([recipe.method, *_types(recipe), *_options(recipe)])


def _types(recipe: Static | Dynamic) -> list[str]:
    short = {"QUInt8": "u8", "QInt8": "s8"}
    if isinstance(recipe, Dynamic):
        return [short[recipe.weight_type]]
    format_ = [] if recipe.quant_format == "QDQ" else [recipe.quant_format]
    return [short[recipe.activation_type] + short[recipe.weight_type], *format_]


def _options(recipe: Static | Dynamic) -> list[str]:
    options = ["per-channel" if recipe.per_channel else "per-tensor"]
    options += _remedies(recipe) if isinstance(recipe, Static) else []
    options += {False: [], True: ["7-bit"], "saturating": ["7-bit where saturating"]}[recipe.reduce_range]
    options += ["+".join(recipe.op_types_to_quantize)] if recipe.op_types_to_quantize else []
    options += [f"{len(recipe.nodes_to_exclude)} nodes FP32"] if recipe.nodes_to_exclude else []
    return options


def _remedies(recipe: Static) -> list[str]:
    remedies: list[str] = [recipe.calibrate_method] if recipe.calibrate_method != "minmax" else []
    remedies += ["equalised"] if recipe.cross_layer_equalization else []
    remedies += [f"smoothed {recipe.smooth_quant:g}"] if recipe.smooth_quant else []
    return remedies + (["bias corrected"] if recipe.bias_correction else [])
