"""The cache between processes: what is in use stays, what is not makes room, and killed processes leave
nothing half."""

import os
import signal
import subprocess
import sys
import time

import pytest

from inc_mlflow.errors import StateError
from inc_mlflow.remote import fetch
from tests.support.proxy import proxy

FETCH = "import sys; from inc_mlflow.remote import fetch; print(fetch(sys.argv[1]), flush=True); "
KEEP = FETCH + "sys.stdin.read()"
READ = FETCH + "print(fetch(sys.argv[1]).read_text(), end='')"


@pytest.fixture
def files(tmp_path):
    """Addresses of files of 100 bytes each."""
    (tmp_path / "store").mkdir()
    for name in "abcdef":
        (tmp_path / "store" / name).write_text(name * 100)
    return {name: f"file://{tmp_path}/store/{name}" for name in "abcdef"}


_begun = []


@pytest.fixture(autouse=True)
def _end_what_a_failed_test_left():
    yield
    while _begun:
        with _begun.pop() as process:
            process.kill()


def begin(code, uri, **options):
    streams = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    _begun.append(subprocess.Popen([sys.executable, "-c", code, uri], **streams, **options))
    return _begun[-1]


def run(code, uri):
    process = begin(code, uri)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 0, err
    return out


def kept(tmp_path):
    """What the entries hold, by their first letter."""
    return sorted(path.read_text()[0] for path in (tmp_path / "cache" / "uris").glob("[!.]*/*"))


def test_what_was_used_last_stays(tmp_path, files, monkeypatch):
    monkeypatch.setenv("INC_MLFLOW_CACHE_BYTES", "250")
    for name in "abac":
        run(FETCH, files[name])
    assert kept(tmp_path) == ["a", "c"]


def test_what_another_process_uses_stays_until_it_ends(tmp_path, files, monkeypatch):
    monkeypatch.setenv("INC_MLFLOW_CACHE_BYTES", "0")
    user = begin(KEEP, files["a"])
    path = user.stdout.readline().strip()
    run(FETCH, files["b"])
    run(FETCH, files["c"])
    assert kept(tmp_path) == ["a", "c"]
    user.kill()
    user.communicate()
    run(FETCH, files["d"])
    assert kept(tmp_path) == ["d"]
    assert not os.path.exists(path)  # noqa: PTH110 - a text


def test_a_removed_entry_is_fetched_again_by_who_asks_again(tmp_path, files, monkeypatch):
    monkeypatch.setenv("INC_MLFLOW_CACHE_BYTES", "0")
    paths = [run(READ, files[name]) for name in "aba"]
    assert paths[0] == paths[2]
    assert paths[2].endswith("a" * 100)


def test_processes_at_once_with_a_cache_that_is_too_small_read_what_they_asked_for(
    tmp_path, files, monkeypatch
):
    monkeypatch.setenv("INC_MLFLOW_CACHE_BYTES", "150")
    processes = [(name, begin(READ, files[name])) for name in "abcdef" * 3]
    for name, process in processes:
        out, err = process.communicate(timeout=60)
        assert (process.returncode, out.splitlines()[-1]) == (0, name * 100), err
    (tmp_path / "store" / "z").write_text("z" * 100)
    run(FETCH, files["a"].removesuffix("a") + "z")
    assert kept(tmp_path) == ["z"]
    assert list((tmp_path / "cache" / "uris").glob(".*")) == []


def test_one_process_fetches_and_the_others_wait(s3, s3_server, monkeypatch):
    (s3_server.folder / s3.removeprefix("s3://") / "a").write_text("a")
    with proxy(s3_server.url) as network:
        monkeypatch.setenv("AWS_ENDPOINT_URL", network.url)
        network.delay = 0.3
        processes = [begin(READ, f"{s3}/a") for _ in range(4)]
        assert len({process.communicate(timeout=60)[0] for process in processes}) == 1
        assert network.count("/a$", ["GET"]) == 1


def test_a_process_killed_half_way_leaves_nothing_that_is_used(tmp_path, s3, s3_server, monkeypatch):
    folder = s3_server.folder / s3.removeprefix("s3://") / "train"
    folder.mkdir()
    for number in range(40):
        (folder / str(number)).write_text(str(number))
    with proxy(s3_server.url) as network:
        network.delay = 0.2
        killed = begin(FETCH, f"{s3}/train/", env=os.environ | {"AWS_ENDPOINT_URL": network.url})
        while not list((tmp_path / "cache").glob("uris/.*/train/*")):
            time.sleep(0.01)
        killed.send_signal(signal.SIGKILL)
        killed.communicate()
    (half,) = (tmp_path / "cache" / "uris").iterdir()
    found = fetch(f"{s3}/train/")
    assert {int(path.read_text()) for path in found.iterdir()} == set(range(40))
    assert half.exists(), "it could be one that a process has just begun"
    os.utime(half, (0, 0))
    run(FETCH, f"{s3}/train/0")
    assert not half.exists()


@pytest.mark.parametrize("text", ["20GiB", "-1", "1e9"])
def test_a_size_that_is_none_is_one_line(files, monkeypatch, text):
    monkeypatch.setenv("INC_MLFLOW_CACHE_BYTES", text)
    with pytest.raises(StateError, match=f"INC_MLFLOW_CACHE_BYTES: '{text}' is no number of bytes"):
        fetch(files["a"])
