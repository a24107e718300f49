"""Tables and tokenizers that are broken; a tokenizer's parts may fit together for some texts only."""

import json
import os

import numpy as np
import pytest
from tokenizers import Tokenizer, models, pre_tokenizers, processors

from inc_mlflow.datasets.splits import SplitReader
from inc_mlflow.errors import DataError
from inc_mlflow.metrics.postprocess.text import Decode
from inc_mlflow.records import TensorSpec
from inc_mlflow.spec import FileSplit
from inc_mlflow.tokenizer import read_tokenizer, tokenizing

INPUTS = (TensorSpec(name="input_ids", dtype="int64", shape=("n", 6)),)


@pytest.fixture
def folder(tmp_path):
    tokenizer = Tokenizer(models.WordLevel({"[UNK]": 0, "[CLS]": 1, "good": 2}, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.post_processor = processors.TemplateProcessing("[CLS] $A", None, [("[CLS]", 1)])
    tokenizer.save(str(tmp_path / "tokenizer.json"))
    (tmp_path / "a.csv").write_text("text,label\ngood,1\nbad,0\n")
    return tmp_path


def batches(folder, path="a.csv"):
    split = {"path": path, "transform": {"tokenizer": "tokenizer.json", "max_length": 6}}
    return list(SplitReader("tuning", FileSplit.model_validate(split), folder, INPUTS).batches(8))


def test_a_table_needs_no_labels(folder):
    """Nor after its way to a step, where every field of the job is written out."""
    (folder / "a.csv").write_text("text\ngood\nbad\n")
    split = {"path": "a.csv", "transform": {"tokenizer": "tokenizer.json", "max_length": 6}}
    given = FileSplit.model_validate(split)
    for one in (given, FileSplit.model_validate_json(given.model_dump_json())):
        ((inputs, labels),) = SplitReader("tuning", one, folder, INPUTS).batches(8)
        assert (inputs["input_ids"].shape, labels) == ((2, 6), None)
    named = FileSplit.model_validate(split | {"label": "gold"})
    with pytest.raises(DataError, match=r"^data\.tuning\.label: no column 'gold'; the table has text$"):
        list(SplitReader("tuning", named, folder, INPUTS).batches(8))


def refused(folder, path="a.csv"):
    with pytest.raises(DataError) as raised:
        batches(folder, path)
    assert "\n" not in str(raised.value)
    return str(raised.value)


def changed(folder, change):
    data = json.loads((folder / "tokenizer.json").read_text())
    change(data)
    (folder / "tokenizer.json").write_text(json.dumps(data))


def test_a_panic_is_one_line_and_prints_nothing(folder, capfd):
    changed(folder, lambda data: data["post_processor"]["special_tokens"].clear())
    assert refused(folder).startswith(
        f"data.tuning.transform.tokenizer: {folder / 'tokenizer.json'} is no tokenizer.json ("
    )
    assert capfd.readouterr() == ("", "")


def test_a_tokenizer_without_its_unknown_word_is_refused_when_a_text_needs_it(folder):
    changed(folder, lambda data: data["model"]["vocab"].pop("[UNK]"))
    assert "is no tokenizer.json (" in refused(folder)
    (folder / "a.csv").write_text("text,label\ngood,1\n")
    assert len(batches(folder)) == 1


@pytest.mark.parametrize(
    "content", [b"", b"{}", b"[]", b"\xff", b"[" * 100_000, b'{"version": "' + b"9" * 100_000 + b'"}']
)
def test_what_is_no_tokenizer_is_refused_in_a_short_line(folder, content):
    (folder / "tokenizer.json").write_bytes(content)
    assert len(refused(folder)) < 500


def test_the_metric_says_so_too(folder):
    (folder / "tokenizer.json").write_text("{}")
    with pytest.raises(DataError, match=r"^metric\.postprocess\.tokenizer: .* is no tokenizer\.json"):
        Decode.model_validate({"tokenizer": "tokenizer.json"}, context={"root": folder})


def test_what_others_write_meanwhile_is_shown(folder, capfd):
    with tokenizing(folder / "tokenizer.json", "tokenizer"):
        os.write(2, b"a note\n")
    assert capfd.readouterr().err == "a note\n"


def test_an_error_of_ours_passes(folder):
    with pytest.raises(ZeroDivisionError), tokenizing(folder / "tokenizer.json", "tokenizer"):
        assert read_tokenizer(folder / "tokenizer.json", "tokenizer")
        print(1 / 0)


@pytest.mark.parametrize(
    ("content", "holds"),
    [
        (b"text,label\ng\xe9,1\n", "is no UTF-8 table"),
        (b"text,label\n" + b"x" * 200_000 + b",1\n", "is no UTF-8 table (field larger than field limit"),
        (b"\xff\xfet\0e\0x\0t\0", "is no UTF-8 table"),
        (b"text,label\ngood\n", "row 1 has no label"),
        (b"label\n1\n", "no column beside 'label'"),
        (b"", "has no rows below its header"),
    ],
)
def test_a_broken_table_is_one_line(folder, content, holds):
    (folder / "a.csv").write_bytes(content)
    assert holds in refused(folder)


def test_a_pipe_is_refused_and_not_waited_for(folder):
    os.mkfifo(folder / "b.tsv")
    assert "no regular file" in refused(folder, "b.tsv")


@pytest.mark.parametrize(
    ("labels", "kind"),
    [("1 2", "i"), ("1 0.5", "f"), (f"1 {10**30}", "U"), (f"{2**63} 1", "U"), ("yes 1", "U")],
)
def test_labels_are_of_the_narrowest_kind_that_keeps_them(folder, labels, kind):
    (folder / "a.csv").write_text("text,label\n" + "".join(f"good,{label}\n" for label in labels.split()))
    ((_, found),) = batches(folder)
    assert found.dtype.kind == kind
    assert np.unique(found).size == 2


@pytest.mark.parametrize("label", [b"\x00\xd8\x00\x00", b"\xff\xff\xff\x7f"])
def test_labels_that_are_no_characters_are_refused(tmp_path, label):
    np.savez(tmp_path / "a.npz", x=np.zeros((1, 4), np.float32), label=np.frombuffer(label, "<U1"))
    inputs = (TensorSpec(name="x", dtype="float32", shape=(None, 4)),)
    with pytest.raises(DataError, match=r"^data\.tuning: labels are no array of numbers or texts"):
        list(SplitReader("tuning", FileSplit(path="a.npz"), tmp_path, inputs).batches())


def test_a_tokenizer_that_gives_rows_of_other_lengths_is_refused(folder):
    changed(folder, lambda data: data["post_processor"]["single"].append(data["post_processor"]["single"][1]))
    (folder / "a.csv").write_text(f"text,label\n{'good ' * 9},1\nbad,0\n")
    assert "tokenizer.json gives rows of other lengths than max_length (6)" in refused(folder)
