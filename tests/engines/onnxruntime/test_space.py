"""The space of ONNX Runtime: which recipes a model may gain by, and what belongs to leaving a node out."""

import pytest

from inc_mlflow.engines.onnxruntime.analysis.quantizable_nodes import QuantizableNodes
from inc_mlflow.engines.onnxruntime.options import Dynamic, Static
from inc_mlflow.engines.onnxruntime.space import OnnxRuntimeSpace


def space(static, dynamic=(), products=(), followers=(), present=()):
    """Return the space of a model with these operators."""
    return OnnxRuntimeSpace(
        QuantizableNodes(
            present=frozenset(static) | frozenset(dynamic) | frozenset(present),
            static=frozenset(static),
            dynamic=frozenset(dynamic),
            products=products,
            followers=dict(followers),
        )
    )


CNN = space({"Conv", "Add", "Gemm", "Relu"}, {"Conv"}, followers=[("conv", "relu")])
TRANSFORMER = space(
    {"MatMul", "Add", "Softmax"}, {"MatMul", "Gather"}, ("qk", "av"), present={"LayerNormalization"}
)


def refined(model, recipe, phase):
    """Return what one phase of refinement makes of a recipe."""
    return list(model.refinements()[phase](recipe))


@pytest.mark.parametrize("model", [CNN, TRANSFORMER])
def test_only_operators_that_the_model_has_are_quantised(model):
    for recipe in model.first():
        kinds = model.graph.static if isinstance(recipe, Static) else model.graph.dynamic
        assert set(recipe.op_types_to_quantize or ()) <= kinds


def test_convolutions_are_not_quantised_dynamically():
    assert not any(isinstance(recipe, Dynamic) for recipe in CNN.first())
    assert any(isinstance(recipe, Dynamic) for recipe in TRANSFORMER.first())
    both = space({"Conv", "MatMul"}, {"Conv", "MatMul"})
    dynamic = [recipe.op_types_to_quantize for recipe in both.first() if isinstance(recipe, Dynamic)]
    assert dynamic == [("MatMul",), ("MatMul",)]


def test_nothing_to_quantise_gives_nothing_to_try():
    assert list(space(()).first()) == []


def test_convolutions_are_tried_alone_together_and_with_all_else():
    tried = {recipe.op_types_to_quantize for recipe in CNN.first()}
    assert {None, ("Conv", "Gemm", "Relu"), ("Conv", "Relu"), ("Gemm", "Relu")} <= tried


def test_per_tensor_weights_and_signed_activations_are_tried():
    static = [recipe for recipe in CNN.first() if isinstance(recipe, Static)]
    assert any(not recipe.per_channel for recipe in static)
    assert any(recipe.activation_type == "QInt8" for recipe in static)
    assert any(isinstance(one, Dynamic) and not one.per_channel for one in TRANSFORMER.first())


def test_products_of_two_activations_are_tried_in_fp32():
    assert any(recipe.kept_fp32 == ("qk", "av") for recipe in TRANSFORMER.first())


def test_operators_that_only_go_along_are_tried_without():
    dynamic = {one.op_types_to_quantize for one in TRANSFORMER.first() if isinstance(one, Dynamic)}
    assert dynamic == {None, ("MatMul",)}


def test_static_recipes_are_calibrated_by_every_other_method():
    methods = [recipe.calibrate_method for recipe in refined(CNN, Static(), 0)]
    assert sorted(methods) == ["entropy", "mse", "percentile"]
    assert refined(TRANSFORMER, Dynamic(), 0) == []


def test_errors_of_a_convolutional_model_are_taken_back_by_bias_alone_and_with_balanced_weights():
    recoveries = refined(CNN, Static(calibrate_method="mse"), 1)
    assert [(one.cross_layer_equalization, one.bias_correction) for one in recoveries] == [
        (True, True),
        (False, True),
    ]
    assert {one.calibrate_method for one in recoveries} == {"mse"}, "what was found before stays"
    assert all(one.smooth_quant is None for one in recoveries), "no layer normalisation makes outliers"
    assert refined(CNN, Dynamic(), 1) == []


def test_outliers_behind_a_layer_normalisation_are_moved_into_weights():
    recoveries = refined(TRANSFORMER, Static(), 1)
    assert any(one.smooth_quant for one in recoveries)
    assert not any(one.cross_layer_equalization for one in recoveries)


def test_a_node_that_is_left_out_takes_along_the_relu_that_alone_reads_it():
    recipe = CNN.without(Static(nodes_to_exclude=("first",)), ["conv", "gemm"])
    assert recipe.kept_fp32 == ("first", "conv", "relu", "gemm")
    assert CNN.without(recipe, ["conv"]) == recipe


@pytest.mark.parametrize("everywhere", [False, True])
def test_static_weights_are_narrowed_where_they_saturate_and_dynamic_ones_only_where_that_is_judged(
    everywhere,
):
    assert CNN.protected(Static(), everywhere) == Static(reduce_range="saturating")
    assert CNN.protected(Dynamic(), everywhere) == (Dynamic(reduce_range=True) if everywhere else None)
    assert CNN.protected(Static(reduce_range=True), everywhere) is None
