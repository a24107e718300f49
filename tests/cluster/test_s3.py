"""Large and many objects of a real S3 server, behind a network that fails."""

import os
import threading
from importlib import import_module
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inc_mlflow.errors import DataError, StateError
from inc_mlflow.remote import Address, fetch, open_store
from inc_mlflow.remote.stores import Version
from tests.support.proxy import Answer, Fault, proxy

PART = 5 << 20
"""The smallest that S3 takes."""


@pytest.fixture
def network(s3, s3_server, monkeypatch):
    monkeypatch.setattr("inc_mlflow.remote.s3.PART", PART)
    with proxy(s3_server.url) as made:
        monkeypatch.setenv("AWS_ENDPOINT_URL", made.url)
        yield made


@pytest.fixture
def large(network, s3, s3_server):
    """The bytes of an object of three parts, and its address."""
    content = os.urandom(2 * PART + 1)
    put(s3_server, s3, {"large.npz": content})
    return content, f"{s3}/large.npz"


def put(server, uri: str, files: dict[str, bytes]) -> Path:
    folder = server.folder / uri.removeprefix("s3://")
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    return folder


def test_a_large_file_goes_and_comes_in_parts(network, s3, tmp_path):
    (tmp_path / "large").write_bytes(os.urandom(2 * PART + 1))
    address = Address.parse(f"{s3}/a/large.npz")
    open_store(address).write(tmp_path / "large", address)
    assert (network.count("large.npz$", ["PUT"]), network.count("large.npz$", ["POST"])) == (3, 2)
    assert fetch(str(address)).read_bytes() == (tmp_path / "large").read_bytes()
    assert network.count("large.npz$", ["GET"]) == 3


@pytest.mark.parametrize("fault", [Fault.BUSY, Fault.CUT, Fault.LOST, Fault.REFUSED])
def test_a_part_that_did_not_come_is_fetched_again(network, large, fault):
    content, uri = large
    network.on(fault, "large.npz$", methods=["GET"], skip=1, times=2)
    assert fetch(uri).read_bytes() == content
    assert network.count("large.npz$", ["GET"]) == 5


def test_a_server_that_stays_down_is_one_line(network, large, monkeypatch, tmp_path):
    monkeypatch.setattr("time.sleep", lambda _: None)
    network.on(Fault.CUT, "large.npz$", methods=["GET"], times=1000)
    with pytest.raises(
        StateError, match=r"^s3://bucket-\d+/large.npz: S3 cannot be reached \(.*\); check the network"
    ) as refusal:
        fetch(large[1])
    assert "\n" not in str(refusal.value)
    assert list((tmp_path / "cache" / "uris").iterdir()) == []


def test_other_bytes_than_the_server_says_are_refused(network, large, tmp_path):
    network.on(Fault.ALTERED, "large.npz$", methods=["GET"], skip=1)
    with pytest.raises(
        DataError, match=r"large.npz: what came is not what S3 says it has \(ETag [0-9a-f]{32}\)"
    ) as refusal:
        fetch(large[1])
    assert "\n" not in str(refusal.value)
    assert list((tmp_path / "cache" / "uris").iterdir()) == []
    assert fetch(large[1]).read_bytes() == large[0]


@pytest.mark.parametrize(
    ("told", "endpoint", "refused"),
    [
        ({}, None, True),
        ({"ServerSideEncryption": "AES256"}, None, True),
        ({"ServerSideEncryption": "AES256"}, "http://minio", False),
        ({"ServerSideEncryption": "aws:kms"}, None, False),
        ({"ServerSideEncryption": "AES256", "SSECustomerAlgorithm": "AES256"}, None, False),
    ],
)
def test_the_tag_of_an_encrypted_object_is_no_checksum(s3, tmp_path, monkeypatch, told, endpoint, refused):
    """No server at hand encrypts, so its answer is made."""
    store, file = open_store(Address.parse(s3)), tmp_path / "file"
    file.write_text("a")
    monkeypatch.setattr(store._client, "head_object", lambda **_: told)
    monkeypatch.delenv("AWS_ENDPOINT_URL")
    if endpoint:
        monkeypatch.setenv("AWS_ENDPOINT_URL", endpoint)
    try:
        store.check(Address.parse(f"{s3}/file"), Version(f'"{"0" * 32}"', 1), file)
    except DataError:
        assert refused
    else:
        assert not refused


def test_a_folder_of_more_objects_than_a_page_holds_is_listed_whole(network, s3, s3_server):
    files = {f"train/{number % 3}/{number}.png": b"" for number in range(1100)}
    put(s3_server, s3, files)
    address = Address.parse(f"{s3}/train")
    assert set(open_store(address).below(address)) == set(files)
    assert network.count(methods=["GET"]) == 2


def test_a_folder_comes_with_its_folders_and_nothing_beside(s3, s3_server):
    files = {"train/a/1.png": b"1", "train/b/2.png": b"2", "train/empty.png": b""}
    folder = put(s3_server, s3, files | {"train-not/1.png": b"no", "train.png": b"no"})
    found = fetch(f"{s3}/train/")
    assert fetch(f"{s3}/train") == found
    inside = {
        path.relative_to(found.parent).as_posix(): path.read_bytes()
        for path in found.rglob("*")
        if path.is_file()
    }
    assert inside == files
    (folder / "train" / "a" / "1.png").write_bytes(b"changed")
    fetch.cache_clear()
    assert (fetch(f"{s3}/train/") / "a" / "1.png").read_bytes() == b"changed"


def test_an_image_folder_is_a_split(network, s3, s3_server):
    from PIL import Image

    from inc_mlflow.datasets.splits import SplitReader
    from inc_mlflow.records import TensorSpec
    from inc_mlflow.spec import FileSplit

    folder = put(s3_server, s3, {})
    for name in ("cat", "dog"):
        (folder / "images" / name).mkdir(parents=True)
        Image.new("RGB", (4, 4), "red").save(folder / "images" / name / "1.png")
    inputs = (TensorSpec(name="x", dtype="float32", shape=(None, 3, 4, 4)),)
    ((images, labels),) = SplitReader("validation", FileSplit(path=f"{s3}/images/"), folder, inputs).batches(
        9
    )
    assert images["x"].shape == (2, 3, 4, 4)
    assert labels.tolist() == [0, 1]


def test_access_denied_is_one_line(network, s3):
    """No server at hand denies, so the answer is made."""
    body = b"<Error><Code>AccessDenied</Code><Message>no</Message></Error>"
    network.on(Answer(403, {"Content-Type": "application/xml"}, body), methods=("GET", "HEAD"), times=99)
    with pytest.raises(StateError, match=rf"^{s3}/a: access denied; it takes s3:ListBucket") as refused:
        fetch(f"{s3}/a")
    assert "\n" not in str(refused.value)


def test_many_objects_are_fetched_at_once(network, s3, s3_server):
    put(s3_server, s3, {f"train/{number}.png": b"x" for number in range(48)})
    most = watch(network)
    fetch(f"{s3}/train/")
    assert most() > 4


def watch(network):
    """Count how many calls are under way at once."""
    counts, lock, now = [0], threading.Lock(), [0]
    fault = network.fault

    def counting(call):
        with lock:
            now[0] += 1
            counts.append(now[0])
        threading.Event().wait(0.05)
        with lock:
            now[0] -= 1
        return fault(call)

    network.fault = counting
    return lambda: max(counts)


class Holding:
    """A store whose folder holds empty files of these names, also such as no disk could hold."""

    def __init__(self, *names):
        self.names = names

    def versions(self, address):
        return {}

    def below(self, folder):
        return {f"{folder.key}/{name}": Version("", 0) for name in self.names}

    def download(self, files):
        for file in files.values():
            file.write_bytes(b"")

    def check(self, address, version, file):
        assert file.stat().st_size == version.size


@pytest.fixture(scope="module")
def fetch_names():
    """Give a function that fetches a folder that holds such names."""
    with pytest.MonkeyPatch.context() as patch:

        def inner(*names):
            fetch.cache_clear()
            patch.setattr(import_module("inc_mlflow.remote.cache"), "open_store", lambda _: Holding(*names))
            return fetch("s3://bucket/a/train")

        yield inner


@given(st.text(alphabet="a./\0", min_size=1, max_size=8))
def test_no_key_leads_out_of_the_folder(fetch_names, rest):
    try:
        folder = fetch_names(rest)
    except DataError as error:
        assert "is no path below it" in str(error)
        return
    assert os.path.normpath(folder / rest) == str(folder / rest)
    assert (folder / rest).is_file()


def test_a_file_and_a_folder_of_one_name_are_one_line(fetch_names):
    with pytest.raises(StateError, match="cannot be written") as refused:
        fetch_names("a", "a/b")
    assert "\n" not in str(refused.value)
