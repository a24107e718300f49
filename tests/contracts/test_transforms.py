"""What the transforms of images and text do, against numbers worked out by hand."""

import numpy as np
import pytest
from PIL import Image
from tokenizers import Tokenizer, models, pre_tokenizers, processors

from inc_mlflow.datasets.images import to_array
from inc_mlflow.datasets.splits import SplitReader
from inc_mlflow.errors import DataError
from inc_mlflow.records import TensorSpec
from inc_mlflow.spec import FileSplit, ImageTransform, TextTransform

PIXELS = np.random.default_rng(3).integers(0, 256, (6, 10, 3), np.uint8)
"""Six rows of ten colour pixels."""
WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", *["it", "is", "a", "good", "bad", "film", "not"], '"']
ENCODINGS = tuple(
    TensorSpec(name=name, dtype="int64", shape=(None, 7))
    for name in ("input_ids", "attention_mask", "token_type_ids")
)


@pytest.fixture
def image(tmp_path):
    Image.fromarray(PIXELS).save(tmp_path / "a.png")
    return tmp_path / "a.png"


def array(file, **transform):
    return to_array(file, ImageTransform(**transform), "data.tuning")


def test_values_are_in_zero_to_one_channels_first(image):
    assert array(image).dtype == np.float32
    np.testing.assert_array_equal(array(image), np.transpose(PIXELS, (2, 0, 1)).astype(np.float32) / 255)


def test_the_layout_can_be_channels_last(image):
    np.testing.assert_array_equal(array(image, layout="NHWC"), PIXELS.astype(np.float32) / 255)


def test_the_colours_can_be_reversed_or_grey(image):
    np.testing.assert_array_equal(array(image, color="BGR"), array(image)[::-1])
    grey = array(image, color="L")
    assert grey.shape == (1, 6, 10)
    np.testing.assert_allclose(grey[0] * 255, PIXELS @ [0.299, 0.587, 0.114], atol=1)


def test_mean_and_std_are_per_channel_after_colour_and_of_values_in_zero_to_one(image):
    mean, std = (0.1, 0.2, 0.3), (0.5, 0.25, 2.0)
    expected = (PIXELS[..., ::-1] / 255 - mean) / std
    np.testing.assert_allclose(
        array(image, color="BGR", mean=mean, std=std, layout="NHWC"), expected, rtol=1e-5, atol=1e-6
    )
    np.testing.assert_allclose(array(image, mean=(0.5,), std=(0.5,)), array(image) * 2 - 1, atol=1e-6)
    with pytest.raises(DataError, match=r"^data\.tuning\.transform: 2 values of mean or std for 3 channels$"):
        array(image, mean=(0.5, 0.5), std=(0.5, 0.5))


@pytest.mark.parametrize(("resize", "shape"), [(3, (3, 5)), (6, (6, 10)), (12, (12, 20))])
def test_resize_is_of_the_shorter_side(image, resize, shape):
    assert array(image, resize=resize, layout="NHWC").shape == (*shape, 3)
    Image.fromarray(PIXELS.transpose(1, 0, 2)).save(image)
    assert array(image, resize=resize, layout="NHWC").shape == (*shape[::-1], 3)


def test_crop_takes_the_centre_square_after_resize(image):
    np.testing.assert_array_equal(
        array(image, crop=4, layout="NHWC"), PIXELS[1:5, 3:7].astype(np.float32) / 255
    )
    assert array(image, resize=8, crop=6).shape == (3, 6, 6)


def folder(tmp_path, *sizes):
    for number, size in enumerate(sizes):
        (tmp_path / "images" / f"class {number}").mkdir(parents=True)
        Image.new("RGB", size, (number, 0, 0)).save(tmp_path / "images" / f"class {number}" / "a.JPG", "PNG")
    (tmp_path / "images" / "class 0" / "notes.txt").write_text("no image")
    spec = (TensorSpec(name="x", dtype="float32", shape=None),)
    return SplitReader("tuning", FileSplit(path="images"), tmp_path, spec)


def test_only_images_count_and_classes_are_numbered_by_name(tmp_path):
    ((inputs, labels),) = folder(tmp_path, (2, 2), (2, 2)).batches(9)
    assert labels.tolist() == [0, 1]
    assert inputs["x"].shape == (2, 3, 2, 2)


def test_images_of_different_size_in_one_batch_are_refused(tmp_path):
    with pytest.raises(DataError, match="images of different size in one batch; add transform"):
        list(folder(tmp_path, (2, 2), (3, 3)).batches(9))


def test_a_file_that_is_no_image_is_named(tmp_path):
    reader = folder(tmp_path, (2, 2))
    (tmp_path / "images" / "class 0" / "b.png").write_bytes(b"text")
    with pytest.raises(DataError, match=r"b\.png cannot be decoded; remove or replace it$"):
        list(reader.batches())


def test_a_folder_without_class_folders_is_refused(tmp_path):
    (tmp_path / "images").mkdir()
    spec = (TensorSpec(name="x", dtype="float32", shape=None),)
    with pytest.raises(DataError, match="has no class folders"):
        list(SplitReader("tuning", FileSplit(path="images"), tmp_path, spec).batches())


@pytest.fixture
def text(tmp_path):
    """Read a table: its name, its content and what the transform says beside the tokenizer."""
    tokenizer = Tokenizer(
        models.WordLevel({word: number for number, word in enumerate(WORDS)}, unk_token="[UNK]")
    )
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    pair = "[CLS] $A [SEP] $B:1 [SEP]:1"
    tokenizer.post_processor = processors.TemplateProcessing(
        "[CLS] $A [SEP]", pair, [("[CLS]", 2), ("[SEP]", 3)]
    )
    tokenizer.save(str(tmp_path / "tokenizer.json"))

    def read(content, name="a.tsv", specs=ENCODINGS, **transform):
        (tmp_path / name).write_text(content)
        fields = {"tokenizer": "tokenizer.json", "max_length": 7} | transform
        split = FileSplit(path=name, transform=TextTransform(**fields))
        return next(iter(SplitReader("tuning", split, tmp_path, specs).batches(9)))

    return read


def words(inputs):
    return [" ".join(WORDS[number] for number in row) for row in inputs["input_ids"]]


def test_short_rows_are_padded_and_long_rows_cut_to_max_length(text):
    inputs, labels = text("sentence\tlabel\nit is good\t1\nit is a good film not a bad film\t0\n")
    assert words(inputs) == ["[CLS] it is good [SEP] [PAD] [PAD]", "[CLS] it is a good film [SEP]"]
    assert inputs["attention_mask"].tolist() == [[1] * 5 + [0] * 2, [1] * 7]
    assert labels.tolist() == [1, 0]


def test_two_columns_are_a_pair_with_their_own_type_ids(text):
    inputs, _ = text("label\tone\ttwo\n1\tit is\tgood\n", columns=("one", "two"))
    assert words(inputs) == ["[CLS] it is [SEP] good [SEP] [PAD]"]
    assert inputs["token_type_ids"].tolist() == [[0, 0, 0, 0, 1, 1, 0]]


def test_a_bare_quote_is_text_in_a_tsv(text):
    inputs, labels = text('sentence\tlabel\n" good film\t1\nit is "\t0\nbad\t0\n')
    assert words(inputs)[:2] == ['[CLS] " good film [SEP] [PAD] [PAD]', '[CLS] it is " [SEP] [PAD] [PAD]']
    assert labels.tolist() == [1, 0, 0]


def test_a_quote_holds_a_comma_in_a_csv(text):
    inputs, labels = text('label,sentence\n1,"it , is"\n', name="a.csv")
    assert words(inputs) == ["[CLS] it [UNK] is [SEP] [PAD] [PAD]"]
    assert labels.tolist() == [1]


def test_labels_may_be_missing_or_decimal(text):
    assert text("sentence\ngood\n")[1] is None
    assert text("sentence\tlabel\ngood\t0.5\nbad\t1\n")[1].tolist() == [0.5, 1.0]


def test_labels_that_are_no_numbers_are_texts(text):
    assert text("sentence\tlabel\ngood\ta summary\nbad\t1\n")[1].tolist() == ["a summary", "1"]


@pytest.mark.parametrize(
    ("content", "transform", "says"),
    [
        ("sentence\tlabel\n", {}, "has no rows below its header"),
        ("sentence\tlabel\nbad\t1\ngood\n", {}, "data.tuning: row 2 has no label; give every row one"),
        ("label\n1\n", {}, "the table has no column beside 'label'"),
        ("sentence\ngood\n", {"columns": ("text",)}, "no text in column 'text'; the table has sentence"),
        ("sentence\ngood\n", {"tokenizer": "gone.json"}, "data.tuning.transform.tokenizer: no file"),
        ("sentence\ngood\n", {"tokenizer": "a.tsv"}, "is no tokenizer.json"),
        (
            "sentence\ngood\n",
            {"tokenizer": None},
            "text needs transform: {tokenizer: tokenizer.json, max_length: 128}",
        ),
    ],
)
def test_a_table_that_does_not_fit_is_refused(text, content, transform, says):
    with pytest.raises(DataError) as raised:
        text(content, **transform)
    assert says in str(raised.value)


def test_an_input_that_no_encoding_feeds_is_refused(text):
    spec = (TensorSpec(name="input_id", dtype="int64", shape=None),)
    with pytest.raises(
        DataError, match=r"no encoding 'input_id', did you mean 'input_ids'\?; a tokenizer gives"
    ):
        text("sentence\ngood\n", specs=spec)
