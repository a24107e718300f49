"""Files with rows: good ones, how they are damaged, and what reads them."""

import csv
import io
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
from PIL import Image
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

from inc_mlflow.datasets.splits import SplitReader
from inc_mlflow.records import TensorSpec
from inc_mlflow.spec import FileSplit
from tests.fuzz.mutation import NUMBERS, TEXTS, damaged, damaged_json
from tests.fuzz.target import Target

WORDS = ["it", "is", "a", "good", "bad", "film", "not", "at", "all", "very", "fine"]


def _rows(folder: Path, inputs: tuple[TensorSpec, ...], **split: Any) -> None:
    """Read a split as `run` does."""
    reader = SplitReader("validation", FileSplit.model_validate(split), folder, inputs)
    reader.count()
    for _ in reader.batches(3):
        pass


def _archives() -> list[bytes]:
    arrays = {
        "x": np.arange(24, dtype=np.float32).reshape(6, 4),
        "label": np.arange(6),
        "other": np.zeros((3, 3)),
    }
    swapped = arrays | {"x": np.asfortranarray(arrays["x"].astype(">f8"))}
    made = []
    named = arrays | {"label": np.array(["cat", "dog", "é", "a", "b", "c"])}
    for save, content in ((np.savez, arrays), (np.savez_compressed, swapped), (np.savez, named)):
        file = io.BytesIO()
        save(file, **content)
        made.append(file.getvalue())
    return made


def _damaged_archive(random: Random, content: bytes) -> bytes:
    """Damage the bytes, or a member whose checksum is right all the same."""
    if random.random() < 0.4:
        return damaged(random, content)
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    name = random.choice(list(members))
    members[name] = (
        _header(random, members[name]) if random.random() < 0.6 else damaged(random, members[name])
    )
    file = io.BytesIO()
    with zipfile.ZipFile(
        file, "w", random.choice([zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_LZMA])
    ) as archive:
        for one, data in members.items():
            archive.writestr(one, data)
    return _directory(random, file.getvalue()) if random.random() < 0.3 else file.getvalue()


def _header(random: Random, member: bytes) -> bytes:
    """Write the header of an .npy anew, with another word in it."""
    descr = random.choice(
        [
            "<f4",
            "|O",
            "<U99999999",
            "V8",
            "<M8[s]",
            "garbage",
            ">f8",
            "|S0",
            "",
            "<f2",
            "<c16",
            [("a", "<f4")],
            7,
        ]
    )
    shape = tuple(random.choice([*NUMBERS[:12], 4, 6]) for _ in range(random.choice([0, 1, 2, 3, 70])))
    head = {"descr": descr, "fortran_order": random.choice([True, False, 2]), "shape": shape}
    text = repr(
        random.choice(
            [
                head,
                {**head, "descr": "<f4"},
                {**head, "shape": (6, 4)},
                "(" * 3000,
                random.choice(TEXTS),
                [head],
            ]
        )
    )
    raw = (
        damaged(random, text.encode("latin1", "replace"))
        if random.random() < 0.2
        else text.encode("latin1", "replace")
    )
    return (
        b"\x93NUMPY"
        + bytes([random.choice([1, 1, 1, 2, 3, 9]), 0])
        + struct.pack("<H", len(raw) % 65536)
        + raw
        + member[-96:]
    )


def _directory(random: Random, content: bytes) -> bytes:
    """Change a field of a member in the central directory: flags, method, sizes, offset."""
    at = content.find(b"PK\x01\x02")
    offset, size = random.choice([(8, 2), (10, 2), (20, 4), (24, 4), (28, 2), (42, 4)])
    value = random.choice([0, 1, 9, 12, 14, 93, 99, 2 ** (8 * size) - 1, 2 ** (8 * size - 1)]) % 2 ** (
        8 * size
    )
    return content[: at + offset] + value.to_bytes(size, "little") + content[at + offset + size :]


def _read_archive(folder: Path) -> None:
    _rows(folder, (TensorSpec(name="x", dtype="float32", shape=(None, 4)),), path="a.npz")


def _picture(kind: str, mode: str, **options: Any) -> Callable[[], list[bytes]]:
    def good() -> list[bytes]:
        noise = np.random.default_rng(0).integers(0, 255, (24, 20, 4), np.uint8)
        file = io.BytesIO()
        Image.fromarray(noise).convert(mode).save(file, kind, **options)
        return [file.getvalue()]

    return good


def _read_picture(folder: Path) -> None:
    whole = folder / "class" / "a.png"
    whole.parent.mkdir(exist_ok=True)
    whole.write_bytes((folder / "picture").read_bytes())
    image = (TensorSpec(name="image", dtype="float32", shape=(None, 3, 8, 8)),)
    _rows(folder, image, path=".", format="images", transform={"resize": 8, "crop": 8})


def _table(dialect: str) -> Callable[[], list[bytes]]:
    def good() -> list[bytes]:
        file = io.StringIO()
        writer = csv.writer(file, dialect)
        writer.writerow(["sentence", "label"])
        writer.writerows([f'it is, {word} "film"', number % 2] for number, word in enumerate(WORDS))
        return [
            file.getvalue().encode(),
            b"sentence\tlabel\nx\t0.5\ny\t1\n".replace(b"\t", file.getvalue()[8].encode()),
        ]

    return good


TOKENS = (TensorSpec(name="input_ids", dtype="int64", shape=("n", 6)),)
TOKENIZED = {"tokenizer": "tokenizer.json", "max_length": 6}


def _read_table(name: str) -> Callable[[Path], None]:
    def read(folder: Path) -> None:
        if not (folder / "tokenizer.json").exists():
            (folder / "tokenizer.json").write_bytes(_tokenizers()[0])
        _rows(folder, TOKENS, path=name, transform=TOKENIZED)

    return read


def _tokenizers() -> list[bytes]:
    vocabulary = {word: number for number, word in enumerate(["[PAD]", "[UNK]", "[CLS]", "[SEP]", *WORDS])}
    words = Tokenizer(models.WordLevel(vocabulary, unk_token="[UNK]"))
    words.pre_tokenizer = pre_tokenizers.Whitespace()
    pair = "[CLS] $A [SEP] $B:1 [SEP]:1"
    words.post_processor = processors.TemplateProcessing("[CLS] $A [SEP]", pair, [("[CLS]", 2), ("[SEP]", 3)])
    bert = Tokenizer(models.WordPiece(vocabulary, unk_token="[UNK]"))
    bert.normalizer, bert.pre_tokenizer = normalizers.BertNormalizer(), pre_tokenizers.BertPreTokenizer()
    bert.post_processor, bert.decoder = (
        processors.BertProcessing(("[SEP]", 3), ("[CLS]", 2)),
        decoders.WordPiece(),
    )
    bert.enable_padding(length=9)
    bert.enable_truncation(7)
    bpe = Tokenizer(models.BPE())
    bpe.pre_tokenizer, bpe.decoder = pre_tokenizers.ByteLevel(), decoders.ByteLevel()
    bpe.train_from_iterator(WORDS * 3, trainers.BpeTrainer(vocab_size=300, show_progress=False))
    unigram = Tokenizer(models.Unigram([("<unk>", 0.0), *((word, -1.5) for word in WORDS)], 0))
    unigram.normalizer = normalizers.Sequence(
        [normalizers.Replace("x", "y"), normalizers.NFKC(), normalizers.Prepend("_")]
    )
    unigram.pre_tokenizer = pre_tokenizers.Metaspace()
    return [one.to_str().encode() for one in (words, bert, bpe, unigram)]


def _read_tokenizer(folder: Path) -> None:
    (folder / "a.tsv").write_text("sentence\tlabel\nit is a good film\t1\nxyz é 🤗\t0\n\t1\n")
    _rows(folder, TOKENS, path="a.tsv", transform=TOKENIZED)


DATA_FILES = {
    "npz": Target("a.npz", _archives, _damaged_archive, _read_archive),
    "png": Target("picture", _picture("PNG", "RGBA"), damaged, _read_picture),
    "jpeg": Target("picture", _picture("JPEG", "RGB", progressive=True), damaged, _read_picture),
    "gif": Target("picture", _picture("GIF", "P"), damaged, _read_picture),
    "bmp": Target("picture", _picture("BMP", "RGB"), damaged, _read_picture),
    "webp": Target("picture", _picture("WEBP", "RGBA"), damaged, _read_picture),
    "csv": Target("a.csv", _table("excel"), damaged, _read_table("a.csv")),
    "tsv": Target("a.tsv", _table("excel-tab"), damaged, _read_table("a.tsv")),
    "tokenizer": Target("tokenizer.json", _tokenizers, damaged_json, _read_tokenizer),
}
