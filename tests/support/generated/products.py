"""MatMul, Gemm, Einsum: constants on either side, batches, transposed factors, biases of every shape."""

from tests.support.generated.builder import GraphBuilder, Tensor
from tests.support.generated.layers import layer

WIDTHS = (1, 3, 4, 8)


@layer(weight=4.0)
def matmul(b: GraphBuilder, x: Tensor) -> list[Tensor]:
    wide, out = x.shape[-1], b.pick(WIDTHS)
    y = b.add("MatMul", [x, b.weight((wide, out), wide)], (*x.shape[:-1], out))
    if b.chance(0.6):
        bias = b.bias(b.pick([(out,), (out,), (1, out), (1,) * (x.rank - 1) + (out,), (1,)]))
        return [b.add("Add", b.pick([[y, bias], [bias, y]]), y.shape)]
    return [y]


@layer(3, 4)
def matmul_of_a_vector(b: GraphBuilder, x: Tensor) -> list[Tensor]:
    return [b.add("MatMul", [x, b.weight((x.shape[-1],), x.shape[-1])], x.shape[:-1])]


@layer(3, 4)
def matmul_batched(b: GraphBuilder, x: Tensor) -> list[Tensor]:
    """Weights with a batch axis: one matrix per head where the rank is 4."""
    out = b.pick(WIDTHS)
    weights = b.weight((*x.shape[:-2], x.shape[-1], out), x.shape[-1])
    return [b.add("MatMul", [x, weights], (*x.shape[:-1], out))]


@layer(3, 4)
def matmul_constant_left(b: GraphBuilder, x: Tensor) -> list[Tensor]:
    rows, out = x.shape[-2], b.pick(WIDTHS)
    return [b.add("MatMul", [b.weight((out, rows), rows), x], (*x.shape[:-2], out, x.shape[-1]))]


@layer(3, 4)
def matmul_of_two(b: GraphBuilder, x: Tensor) -> list[Tensor]:
    order = [*range(x.rank - 2), x.rank - 1, x.rank - 2]
    y = b.other(x) or x
    turned = b.add("Transpose", [y], [y.shape[axis] for axis in order], perm=order)
    product = b.add("MatMul", [x, turned], (*x.shape[:-1], x.shape[-2]))
    return [b.add("Mul", [product, b.scalar(x.shape[-1] ** -0.5)], product.shape)]


@layer(2, weight=5.0)
def gemm(b: GraphBuilder, x: Tensor) -> list[Tensor]:
    wide, out = x.shape[1], b.pick(WIDTHS)
    attributes: dict[str, float | int] = {}
    if turned := b.chance(0.4):
        attributes["transB"] = 1
    weights = b.weight((out, wide) if turned else (wide, out), wide)
    left = x
    if b.chance(0.15):
        left = b.add("Transpose", [x], (wide, 1), perm=[1, 0])
        attributes["transA"] = 1
    attributes |= {"alpha": b.pick([0.5, 1.0, 2.0])} if b.chance(0.4) else {}
    attributes |= {"beta": b.pick([0.5, 1.0, 0.0])} if b.chance(0.4) else {}
    inputs = [left, weights]
    if b.opset < 11 or b.chance(0.8):
        shape = b.pick([(out,), (out,), (1, out), (1,), (), (1, 1)])
        other = next((one for one in reversed(b.live) if one.shape == (1, out) and b.chance(0.3)), None)
        inputs.append(other or b.bias(shape))
    return [b.add("Gemm", inputs, (1, out), **attributes)]


@layer(2)
def gemm_in_pieces(b: GraphBuilder, x: Tensor) -> list[Tensor]:
    """One bias for two layers, one of which gets a row of the other's output."""
    wide, out = x.shape[1], b.pick(WIDTHS)
    bias = b.bias((out,))
    one = b.add("Gemm", [x, b.weight((wide, out), wide), bias], (1, out))
    act = b.add("Relu", [one], one.shape)
    return [one, b.add("Gemm", [act, b.weight((out, out), out), bias], (1, out), transB=1)]


@layer(2, 3, since=12)
def einsum(b: GraphBuilder, x: Tensor) -> list[Tensor]:
    wide, out = x.shape[-1], b.pick(WIDTHS)
    if x.rank == 2:
        return [b.add("Einsum", [x, b.weight((wide, out), wide)], (1, out), equation="bi,ij->bj")]
    if b.chance(0.5):
        equation = b.pick(["bti,ij->btj", "...i,ij->...j"])
        return [b.add("Einsum", [x, b.weight((wide, out), wide)], (*x.shape[:-1], out), equation=equation)]
    y = b.other(x) or x
    product = b.add("Einsum", [x, y], (1, x.shape[1], x.shape[1]), equation="bti,bsi->bts")
    return [b.add("Div", [product, b.scalar(float(wide) ** 0.5)], product.shape)]


@layer(2, 3)
def fused_matmul(b: GraphBuilder, x: Tensor) -> list[Tensor]:
    """An operator of ONNX Runtime's own domain, as its optimiser leaves it in saved files."""
    b.domains["com.microsoft"] = 1
    wide, out = x.shape[-1], b.pick(WIDTHS)
    weights = b.weight((out, wide), wide)
    shape = (*x.shape[:-1], out)
    return [b.add("FusedMatMul", [x, weights], shape, domain="com.microsoft", alpha=0.7, transB=1)]
