"""Options of ONNX Runtime's methods, under its own names; a job is read without importing ONNX Runtime."""

from typing import Annotated, Any, Literal, Self

from pydantic import Field, field_validator, model_validator

from inc_mlflow.spec.recipes import Recipe

IntType = Literal["QUInt8", "QInt8"]
CalibrateMethod = Literal["minmax", "percentile", "entropy", "mse"]
_PerChannel = Annotated[
    bool, Field(description="One weight scale per output channel instead of one per tensor.")
]
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
_Calibrate = Annotated[CalibrateMethod, Field(description="How ranges follow from calibration.")]
_ReduceRange = Annotated[
    bool | Literal["saturating"],
    Field(
        description="7-bit weights, safe on CPUs without VNNI: everywhere (true), or only where "
        "layers saturate."
    ),
]
_SHORT = {"QUInt8": "u8", "QInt8": "s8"}
_WIDTHS: dict[bool | str, list[str]] = {False: [], True: ["7-bit"], "saturating": ["7-bit where saturating"]}


class OnnxRuntimeRecipe(Recipe):
    """The options that the methods of ONNX Runtime's own quantiser have."""

    engine: Literal["onnxruntime"] = "onnxruntime"
    weight_type: _WeightType = "QInt8"
    per_channel: _PerChannel = True
    reduce_range: bool | Literal["saturating"] = False
    op_types_to_quantize: _OpTypes = None
    nodes_to_exclude: _Exclude = ()

    def label(self) -> str:
        """Name the recipe by what differs from the defaults, as "static u8s8 per-channel"."""
        width = _WIDTHS[self.reduce_range]
        operators = ["+".join(self.op_types_to_quantize)] if self.op_types_to_quantize else []
        excluded = [f"{len(self.nodes_to_exclude)} nodes FP32"] if self.nodes_to_exclude else []
        channels = "per-channel" if self.per_channel else "per-tensor"
        parts = [self.method, *self._types(), channels, *self._remedies(), *width, *operators, *excluded]
        return " ".join(parts)

    @property
    def kept_fp32(self) -> tuple[str, ...]:
        """Nodes that stay FP32 by name."""
        return self.nodes_to_exclude

    def unprotected(self) -> Self | None:
        """Return the recipe with 8-bit weights everywhere; None where it has them."""
        return self.model_copy(update={"reduce_range": False}) if self.reduce_range else None

    def _types(self) -> list[str]:
        return [_SHORT[self.weight_type]]

    def _remedies(self) -> list[str]:
        return []


class Static(OnnxRuntimeRecipe):
    """Activations with ranges from calibration: fastest where convolutions dominate."""

    method: Literal["static"] = "static"
    quant_format: Annotated[
        Literal["QDQ", "QOperator"], Field(description="How the file expresses INT8.")
    ] = "QDQ"
    activation_type: Annotated[
        IntType, Field(description="QUInt8 is right on x86; QInt8 is slower than FP32 there.")
    ] = "QUInt8"
    calibrate_method: _Calibrate = "minmax"
    reduce_range: _ReduceRange = False
    cross_layer_equalization: Annotated[
        bool,
        Field(description="Balance the weights of consecutive convolutions first: for per-tensor scales."),
    ] = False
    smooth_quant: Annotated[
        float | None,
        Field(
            gt=0,
            lt=1,
            description="Move outliers of activations into weights by this exponent, as 0.5: "
            "for transformers.",
        ),
    ] = None
    bias_correction: Annotated[
        bool, Field(description="Take the mean error of each layer back by its bias.")
    ] = False

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

    @property
    def statistics(self) -> frozenset[str]:
        """The calibration method: each needs statistics of its own kind."""
        return frozenset({self.calibrate_method})

    def _types(self) -> list[str]:
        types = _SHORT[self.activation_type] + _SHORT[self.weight_type]
        return [types] if self.quant_format == "QDQ" else [types, self.quant_format]

    def _remedies(self) -> list[str]:
        remedies: list[str] = [self.calibrate_method] if self.calibrate_method != "minmax" else []
        remedies += ["equalised"] if self.cross_layer_equalization else []
        remedies += [f"smoothed {self.smooth_quant:g}"] if self.smooth_quant else []
        return remedies + (["bias corrected"] if self.bias_correction else [])


class Dynamic(OnnxRuntimeRecipe):
    """Activations scaled at run time, no calibration: strong for transformers and recurrent models."""

    method: Literal["dynamic"] = "dynamic"
    reduce_range: Annotated[
        bool, Field(description="7-bit weights: no int16 saturation on CPUs without VNNI.")
    ] = False


class Mixed(Recipe):
    """Any set of units (what runs in one kernel) in INT8, the others dynamic or FP32."""

    engine: Literal["onnxruntime"] = "onnxruntime"
    method: Literal["mixed"] = "mixed"
    int8: Annotated[
        tuple[str, ...] | None,
        Field(
            description="Units that compute in INT8, by the name of their first node in the baseline; "
            "all that have an integer kernel by default.",
            strict=False,
        ),
    ] = None
    dynamic: Annotated[
        tuple[str, ...],
        Field(
            description="Units (Gemm or MatMul) whose activations are scaled at run time, by the same names.",
            strict=False,
        ),
    ] = ()
    nodes_to_exclude: _Exclude = ()
    calibrate_method: _Calibrate = "minmax"
    reduce_range: _ReduceRange = False

    @model_validator(mode="after")
    def _once(self) -> Self:
        if twice := sorted(set(self.int8 or ()) & set(self.dynamic)):
            raise ValueError(f"int8 and dynamic both name {twice[0]!r}; a unit has one of them")
        return self

    def label(self) -> str:
        """Name the recipe by how many units are in which state."""
        width = _WIDTHS[self.reduce_range]
        method = [self.calibrate_method] if self.calibrate_method != "minmax" else []
        units = [] if self.int8 is None else [f"{len(self.int8)} units INT8"]
        units += [f"{len(self.dynamic)} dynamic"] if self.dynamic else []
        excluded = [f"{len(self.nodes_to_exclude)} nodes FP32"] if self.nodes_to_exclude else []
        return " ".join([self.method, *method, *width, *units, *excluded])

    @property
    def statistics(self) -> frozenset[str]:
        """The calibration method: each needs statistics of its own kind."""
        return frozenset({self.calibrate_method})

    @property
    def kept_fp32(self) -> tuple[str, ...]:
        """Nodes that stay FP32 by name."""
        return self.nodes_to_exclude

    def unprotected(self) -> Self | None:
        """Return the recipe with 8-bit weights everywhere; None where it has them."""
        return self.model_copy(update={"reduce_range": False}) if self.reduce_range else None
