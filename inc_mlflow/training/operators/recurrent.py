"""LSTM and GRU. A recipe leaves their weights in FP32, so they run as they are and let gradients pass."""

import torch
from torch import Tensor

from inc_mlflow.training.operators.call import Operator, OperatorCall

_LSTM_ORDER, _GRU_ORDER = (0, 2, 3, 1), (1, 0, 2)
"""Where torch's gates are in a node: input, output, forget, cell, and update, reset, hidden."""
_LSTM_ACTIVATIONS, _GRU_ACTIVATIONS = ["Sigmoid", "Tanh", "Tanh"], ["Sigmoid", "Tanh"]


def _lstm(call: OperatorCall) -> list[Tensor]:
    _check(call, _LSTM_ACTIVATIONS)
    if call.attribute("input_forget", 0) or (len(call.operands) > 7 and call.optional(7) is not None):
        raise ValueError("coupled gates and peepholes are not known here")
    x = _sequence_first(call, call[0])
    states = [_initial(call, x, position) for position in (5, 6)]
    backwards = _backwards(call)
    inputs = x.flip(0) if backwards else x
    y, hidden, cell = torch.lstm(
        inputs, states, _weights(call, _LSTM_ORDER), True, 1, 0.0, False, _both(call), False
    )
    return _outputs(call, y.flip(0) if backwards else y, hidden, cell)


def _gru(call: OperatorCall) -> list[Tensor]:
    _check(call, _GRU_ACTIVATIONS)
    if not call.attribute("linear_before_reset", 0):
        raise ValueError("a reset before the product is not known here")
    x = _sequence_first(call, call[0])
    backwards = _backwards(call)
    inputs = x.flip(0) if backwards else x
    y, hidden = torch.gru(
        inputs, _initial(call, x, 5), _weights(call, _GRU_ORDER), True, 1, 0.0, False, _both(call), False
    )
    return _outputs(call, y.flip(0) if backwards else y, hidden)


def _check(call: OperatorCall, activations: list[str]) -> None:
    """Raise ValueError where the cell is not torch's."""
    directions = 2 if _both(call) else 1
    given = [str(one) for one in call.attribute("activations", activations * directions)]
    if given != activations * directions or call.attribute("clip", 0.0):
        raise ValueError("other activations and clipped ones are not known here")
    lengths = call.optional(4)
    length = call[0].shape[1 if call.attribute("layout", 0) else 0]
    if lengths is not None and bool((lengths != length).any()):
        raise ValueError("sequences of different length are not known here")


def _both(call: OperatorCall) -> bool:
    return str(call.attribute("direction", "forward")) == "bidirectional"


def _backwards(call: OperatorCall) -> bool:
    return str(call.attribute("direction", "forward")) == "reverse"


def _sequence_first(call: OperatorCall, x: Tensor) -> Tensor:
    return x.transpose(0, 1) if call.attribute("layout", 0) else x


def _initial(call: OperatorCall, x: Tensor, position: int) -> Tensor:
    """Return a state before the first step (directions, rows, size)."""
    given = call.optional(position)
    if given is None:
        return x.new_zeros(call[2].shape[0], x.shape[1], call[2].shape[2])
    return _sequence_first(call, given).contiguous()


def _weights(call: OperatorCall, order: tuple[int, ...]) -> list[Tensor]:
    """Return torch's weights of each direction: of the input, of the state, and their biases."""
    size = call[2].shape[2]
    biases = call.optional(3)
    found = []
    for direction in range(call[2].shape[0]):
        of_input, of_state = call[1][direction], call[2][direction]
        zeros = of_input.new_zeros(2 * len(order) * size)
        both = zeros if biases is None else biases[direction]
        parts = (of_input, of_state, *both.chunk(2))
        found += [torch.cat([torch.split(part, size)[gate] for gate in order]) for part in parts]
    return found


def _outputs(call: OperatorCall, y: Tensor, *states: Tensor) -> list[Tensor]:
    """Return all steps (steps, directions, rows, size) and the last states, as the node's layout has them."""
    directions = call[2].shape[0]
    steps = y.reshape(*y.shape[:2], directions, -1).transpose(1, 2)
    if not call.attribute("layout", 0):
        return [steps, *states]
    return [steps.permute(2, 0, 1, 3), *(state.transpose(0, 1) for state in states)]


RECURRENT: dict[str, Operator] = {"GRU": _gru, "LSTM": _lstm}
