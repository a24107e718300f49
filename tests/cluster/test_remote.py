"""Remote files: a real S3 server, and folders of this machine."""

import os
import socket
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inc_mlflow.errors import DataError, IncError, SpecError, StateError
from inc_mlflow.files import sha256_text
from inc_mlflow.remote import Address, check_bundle_file, fetch, is_remote, open_store, unpack, upload
from inc_mlflow.remote.whole import whole_folder
from inc_mlflow.spec import Bundle


@pytest.fixture(params=["file", "s3"])
def place(request, tmp_path):
    """An empty place in each kind of store."""
    if request.param == "file":
        return Address.parse(f"file://{tmp_path}/store")
    return Address.parse(f"{request.getfixturevalue('s3')}/store")


def put(place, name, text, tmp_path):
    source = tmp_path / "source"
    source.write_text(text)
    open_store(place).write(source, place.child(name))
    return str(place.child(name))


def test_a_file_is_uploaded_once_and_unpacked_under_its_name(place, tmp_path, monkeypatch):
    source, store, written = tmp_path / "a.txt", open_store(place), []
    source.write_text("a")
    monkeypatch.setattr(store, "write", lambda *args, write=store.write: (written.append(args), write(*args)))
    digest = upload(source, store, place)
    assert upload(source, store, place) == digest == sha256_text("a")
    assert len(written) == 1
    folder = unpack(str(place), {"deep/a.txt": digest})
    assert (folder / "deep" / "a.txt").read_text() == "a"
    assert unpack(str(place), {"deep/a.txt": digest}) == folder


def test_an_upload_that_was_cut_off_is_done_again(tmp_path):
    place = Address.parse(f"file://{tmp_path}/store")
    source = tmp_path / "a.txt"
    source.write_text("whole")
    digest = sha256_text("whole")
    put(place, digest, "who", tmp_path)
    upload(source, open_store(place), place)
    assert (tmp_path / "store" / digest).read_text() == "whole"


def test_bytes_with_another_digest_are_never_unpacked(place, tmp_path):
    digest = sha256_text("right")
    put(place, digest, "wrong", tmp_path)
    with pytest.raises(DataError, match="another sha256"):
        unpack(str(place), {"a": digest})
    assert list((tmp_path / "cache" / "bundles").iterdir()) == []


def test_an_absent_object_is_an_error_of_the_data(place):
    with pytest.raises(DataError, match=r"/nothing\.onnx: no such object"):
        fetch(str(place.child("nothing.onnx")))
    with pytest.raises(DataError, match=r"no such object|cannot be read"):
        unpack(str(place), {"a": sha256_text("a")})


def test_a_remote_model_comes_with_its_weights_and_nothing_else(place, tmp_path):
    for name in ("m.onnx", "m.onnx.data", "m.onnx_data", "m.onnx.old", "other"):
        put(place, name, name, tmp_path)
    model = fetch(str(place.child("m.onnx")))
    assert sorted(path.name for path in model.parent.iterdir()) == ["m.onnx", "m.onnx.data", "m.onnx_data"]


def test_another_version_of_a_remote_file_is_fetched_by_the_next_process(place, tmp_path):
    uri = put(place, "a.npz", "one", tmp_path)
    assert fetch(uri).read_text() == "one"
    put(place, "a.npz", "two, longer", tmp_path)
    assert fetch(uri).read_text() == "one", "within a process it stays the same"
    fetch.cache_clear()
    assert fetch(uri).read_text() == "two, longer"


def test_minio_addresses_are_s3_with_the_endpoint_of_the_environment(s3, tmp_path):
    put(Address.parse(f"{s3}/x"), "a.npz", "a", tmp_path)
    assert fetch(f"{s3.replace('s3', 'minio', 1)}/x/a.npz").read_text() == "a"


def closed_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


@pytest.mark.parametrize(
    ("environment", "uri", "says"),
    [
        ({}, "s3://nothing/a", "no bucket 'nothing'"),
        (
            {"AWS_SECRET_ACCESS_KEY": "wrong"},
            "s3://bucket/a",
            "the credentials are refused (SignatureDoesNotMatch)",
        ),
        (
            {"AWS_ACCESS_KEY_ID": None, "AWS_SECRET_ACCESS_KEY": None},
            "s3://bucket/a",
            "no credentials for S3",
        ),
        ({"AWS_ENDPOINT_URL": f"http://127.0.0.1:{closed_port()}"}, "s3://bucket/a", "S3 cannot be reached"),
        ({"AWS_ENDPOINT_URL": "nonsense"}, "s3://bucket/a", "AWS_ENDPOINT_URL"),
        ({"AWS_PROFILE": "nobody"}, "s3://bucket/a", "AWS_PROFILE"),
        ({}, "s3://Bad_Bucket!/a", "Bad_Bucket!"),
    ],
)
def test_what_s3_refuses_is_one_line_without_secrets(s3, monkeypatch, environment, uri, says):
    for name, value in environment.items():
        monkeypatch.setenv(name, value) if value is not None else monkeypatch.delenv(name)
    with pytest.raises(StateError) as refused:
        fetch(uri.replace("bucket", s3.removeprefix("s3://")))
    assert says in str(refused.value)
    assert "\n" not in str(refused.value)
    assert os.environ.get("AWS_SECRET_ACCESS_KEY", "secret") not in str(refused.value)


@pytest.mark.parametrize(
    ("uri", "says"),
    [
        ("gs://bucket/a", "gs:// is not supported yet"),
        ("s3:///a", "no bucket"),
        ("file://host/a", "file:///path"),
        ("s3://key:secret@bucket/a", "no key or password in an address"),
    ],
)
def test_addresses_that_are_refused(uri, says):
    with pytest.raises(SpecError, match=says) as refused:
        Address.parse(uri)
    assert "secret" not in str(refused.value)


@pytest.mark.parametrize("path", ["fp32.onnx", "/data/fp32.onnx", "C:/x", "./a:b//c"])
def test_paths_are_not_addresses(path):
    assert not is_remote(path)


OUTSIDE = ["../x", "/x", "a/../../x", "a/..", "..", "", ".", "/", "a\0b", "//x"]


@pytest.mark.parametrize("name", OUTSIDE)
def test_a_bundle_cannot_name_a_file_outside_its_folder(name, tmp_path):
    place = Address.parse(f"file://{tmp_path}/store")
    digest = sha256_text("evil")
    put(place, digest, "evil", tmp_path)
    for attempt in (
        lambda: Bundle(uri=str(place), files={name: digest}),
        lambda: unpack(str(place), {name: digest}),
    ):
        with pytest.raises(SpecError, match="no path inside the job's folder"):
            attempt()


def test_nor_can_the_list_of_a_folder(tmp_path):
    place = Address.parse(f"file://{tmp_path}/store")
    evil, listing = sha256_text("evil"), f'{{"../../x":"{sha256_text("evil")}"}}'
    put(place, evil, "evil", tmp_path)
    put(place, sha256_text(listing), listing, tmp_path)
    with pytest.raises(SpecError, match="no path inside"):
        unpack(str(place), {"images/": sha256_text(listing)})
    assert not list(tmp_path.rglob("x"))


@pytest.mark.parametrize("digest", ["../x", "", "a" * 63, "A" * 64, "a" * 64 + "/.."])
def test_what_is_no_digest_is_looked_for_nowhere(digest):
    with pytest.raises(SpecError, match="no sha256"):
        check_bundle_file("a", digest)


@given(st.text(alphabet="a./\0", max_size=8))
def test_a_name_that_is_taken_stays_inside(name):
    try:
        check_bundle_file(name, sha256_text("a"))
    except IncError:
        return
    assert os.path.normpath(f"/folder/{name}").startswith("/folder/")


@pytest.mark.parametrize("names", [["a", "a/b"], ["a", "./a"], ["a/b", "a"], ["a/", "a"]])
def test_names_that_are_in_each_others_way_are_one_line(tmp_path, names):
    place = Address.parse(f"file://{tmp_path}/store")
    digest = sha256_text("a")
    put(place, digest, "a", tmp_path)
    with pytest.raises(StateError, match="cannot be written"):
        unpack(str(place), dict.fromkeys(names, digest) | {name: "" for name in names if name.endswith("/")})
    assert not list((tmp_path / "cache" / "bundles").iterdir())


def test_many_processes_unpack_one_bundle_at_once(tmp_path):
    place = Address.parse(f"file://{tmp_path}/store")
    files = {}
    for name in "abcdefgh":
        files[name] = sha256_text(name * 100_000)
        put(place, files[name], name * 100_000, tmp_path)
    script = f"from inc_mlflow.remote import unpack; print(unpack({str(place)!r}, {files!r}))"
    processes = [
        subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True) for _ in range(6)
    ]
    (folder,) = {process.communicate()[0].strip() for process in processes}
    assert [process.returncode for process in processes] == [0] * 6
    assert sorted(os.listdir(folder)) == sorted(files)  # noqa: PTH208 - a text
    assert [path.name for path in (tmp_path / "cache" / "bundles").iterdir()] == [os.path.basename(folder)]  # noqa: PTH119


def test_the_folder_of_a_faster_process_stays(tmp_path):
    with whole_folder(tmp_path / "folder") as partial:
        (partial / "mine").touch()
        (tmp_path / "folder").mkdir()
        (tmp_path / "folder" / "theirs").touch()
    assert [path.name for path in tmp_path.rglob("*")] == ["folder", "theirs"]


def test_the_cache_of_another_user_is_not_used(tmp_path, monkeypatch):
    from inc_mlflow.remote import cache_folder

    monkeypatch.delenv("INC_MLFLOW_CACHE")
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    assert cache_folder() == tmp_path / f"inc-mlflow-cache-{os.getuid()}"
    cache_folder().rmdir()
    (tmp_path / f"inc-mlflow-cache-{os.getuid()}").symlink_to(tmp_path)
    with pytest.raises(StateError, match="belongs to another user"):
        cache_folder()
