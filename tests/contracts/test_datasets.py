"""One suite over every data format of the table, on small real data, and what is special to each."""

import numpy as np
import pytest
from PIL import Image
from sklearn.datasets import load_digits
from tokenizers import Tokenizer, models, pre_tokenizers, processors

from inc_mlflow.datasets.conform import conform
from inc_mlflow.datasets.rows import row_digests
from inc_mlflow.datasets.splits import SplitReader
from inc_mlflow.errors import DataError
from inc_mlflow.records import TensorSpec
from inc_mlflow.registry.datasets import DATASETS
from inc_mlflow.spec import FileSplit

ALL = pytest.mark.parametrize("name", list(DATASETS))
IMAGE = (TensorSpec(name="image", dtype="float32", shape=(None, 3, 8, 8)),)
TOKENS = tuple(
    TensorSpec(name=name, dtype="int64", shape=("n", 6)) for name in ("input_ids", "attention_mask")
)
WORDS = [
    "[PAD]",
    "[UNK]",
    "[CLS]",
    "[SEP]",
    *["it", "is", "a", "good", "bad", "film", "not", "at", "all", "very"],
    '"',
    "fine",
]
SENTENCES = [
    ("it is a good film", 1),
    ("bad", 0),
    ("not good at all it is a very bad film", 0),
    ("very very good", 1),
]
ROWS = 4


@pytest.fixture
def digits():
    data = load_digits()
    rows = [np.flatnonzero(data.target == digit)[nth] for digit, nth in ((0, 0), (1, 0), (1, 1), (7, 0))]
    return data.images[rows].astype(np.uint8) * 15, data.target[rows]


def word_tokenizer(path):
    tokenizer = Tokenizer(
        models.WordLevel({word: number for number, word in enumerate(WORDS)}, unk_token="[UNK]")
    )
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    pair = "[CLS] $A [SEP] $B:1 [SEP]:1"
    tokenizer.post_processor = processors.TemplateProcessing(
        "[CLS] $A [SEP]", pair, [("[CLS]", 2), ("[SEP]", 3)]
    )
    tokenizer.save(str(path))


@pytest.fixture
def files(tmp_path, digits):
    """Four rows in every format; the labels of the images are 0, 1, 1 and 2: numbers of their folders."""
    images, labels = digits
    array = np.repeat(images[:, None], 3, 1).astype(np.float32) / 255
    np.savez(tmp_path / "a.npz", image=array, label=labels)
    for number, (image, label) in enumerate(zip(images, labels, strict=True)):
        folder = tmp_path / "images" / str(label)
        folder.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(folder / f"{number}.png")
    lines = ["sentence\tlabel", *(f"{text}\t{label}" for text, label in SENTENCES)]
    (tmp_path / "a.tsv").write_text("\n".join(lines) + "\n")
    word_tokenizer(tmp_path / "tokenizer.json")
    return tmp_path


TEXT = {"tokenizer": "tokenizer.json", "max_length": 6}
SPLITS = {
    "npz": (FileSplit(path="a.npz"), IMAGE, [0, 1, 1, 7]),
    "images": (FileSplit(path="images"), IMAGE, [0, 1, 1, 2]),
    "text": (FileSplit.model_validate({"path": "a.tsv", "transform": TEXT}), TOKENS, [1, 0, 0, 1]),
}


def source(name, files):
    split, inputs, labels = SPLITS[name]
    return DATASETS.get(name)(split, files, "data.tuning", inputs), inputs, labels


def test_every_format_is_covered_here():
    assert set(SPLITS) == set(DATASETS)


@ALL
def test_a_second_pass_gives_the_same_rows(name, files):
    passes = [source(name, files)[0].read(range(ROWS)) for _ in range(2)]
    assert row_digests(passes[0][0]) == row_digests(passes[1][0])
    assert len(set(row_digests(passes[0][0]))) == ROWS


@ALL
def test_positions_choose_rows_in_the_order_asked_for(name, files):
    read, _, labels = source(name, files)
    assert read.rows == ROWS
    whole = row_digests(read.read(range(ROWS))[0])
    inputs, picked = read.read([2, 0, 2])
    assert row_digests(inputs) == [whole[2], whole[0], whole[2]]
    assert picked.tolist() == [labels[2], labels[0], labels[2]]


@ALL
def test_labels_are_integers_one_per_row(name, files):
    read, _, labels = source(name, files)
    given = read.read(range(ROWS))[1]
    assert given.dtype.kind == "i"
    assert given.tolist() == labels


@ALL
def test_rows_fit_the_model(name, files):
    read, inputs, _ = source(name, files)
    fitted = conform(read.read(range(ROWS))[0], inputs, "data.tuning")
    assert {one: array.dtype.name for one, array in fitted.items()} == {
        spec.name: spec.dtype for spec in inputs
    }


@ALL
@pytest.mark.parametrize("size", [1, 3, 64])
def test_the_format_is_told_from_the_path_and_batches_hold_all_rows(name, files, size):
    split, inputs, labels = SPLITS[name]
    reader = SplitReader("tuning", split, files, inputs)
    batches = list(reader.batches(size))
    assert [label for _, part in batches for label in part.tolist()] == labels
    whole = row_digests(source(name, files)[0].read(range(ROWS))[0])
    assert [digest for arrays, _ in batches for digest in row_digests(arrays)] == whole


@ALL
def test_a_path_that_is_not_there_is_named(name, files):
    split, inputs, _ = SPLITS[name]
    gone = split.model_copy(update={"path": "gone", "format": name})
    with pytest.raises(DataError) as raised:
        DATASETS.get(name)(gone, files, "data.tuning", inputs)
    assert str(raised.value).startswith("data.tuning: ")
    assert str(files / "gone") in str(raised.value)


def npz(files, **arrays):
    np.savez(files / "b.npz", **arrays)
    return SplitReader(
        "tuning", FileSplit(path="b.npz"), files, (TensorSpec(name="x", dtype="float32", shape=None),)
    )


@pytest.mark.parametrize(
    ("arrays", "says"),
    [
        (
            {"y": np.zeros(2)},
            "no array 'x' for the model's input 'x'; the file has y; map it with inputs: {x: <array>}",
        ),
        ({"x": np.zeros(2), "label": np.zeros(3)}, "arrays of different length (x 2, labels 3)"),
        ({"x": np.float32(1)}, "array 'x' has no rows"),
        ({"x": np.array([{}], object)}, "is no .npz of plain arrays"),
        ({"x": np.zeros((0, 2))}, "has no rows"),
    ],
)
def test_an_npz_that_does_not_fit_is_refused(files, arrays, says):
    with pytest.raises(DataError) as raised:
        list(npz(files, **arrays).batches())
    assert says in str(raised.value)


def test_an_npz_maps_arrays_to_inputs_and_may_have_no_labels(files):
    np.savez(files / "b.npz", pixels=np.ones((2, 3), np.float32))
    spec = (TensorSpec(name="x", dtype="float32", shape=(None, 3)),)
    split = FileSplit(path="b.npz", inputs={"x": "pixels"})
    ((inputs, labels),) = SplitReader("tuning", split, files, spec).batches(8)
    assert inputs["x"].shape == (2, 3)
    assert labels is None
    with pytest.raises(DataError, match=r"^data\.tuning\.inputs: the model has no input 'X'"):
        list(SplitReader("tuning", FileSplit(path="b.npz", inputs={"X": "pixels"}), files, spec).batches())


def test_a_file_that_is_no_archive_is_refused(files):
    (files / "b.npz").write_text("text")
    with pytest.raises(DataError, match=r"is no \.npz of plain arrays"):
        list(SplitReader("tuning", FileSplit(path="b.npz"), files, IMAGE).batches())


def test_a_single_array_is_refused(files):
    np.save(files / "b.npy", np.zeros(3))
    with pytest.raises(DataError, match="holds a single array"):
        list(SplitReader("tuning", FileSplit(path="b.npy", format="npz"), files, IMAGE).batches())
