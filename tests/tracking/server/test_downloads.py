"""What a gate fetches is bounded by what the store lists, and an endless listing is refused."""

from dataclasses import dataclass

import pytest
from mlflow.exceptions import MlflowException
from pydantic import ValidationError

from inc_mlflow.errors import DataError, ShortageError
from inc_mlflow.records import RequestRecord
from inc_mlflow.tracking.server.downloads import limited_download, list_files

MIB = 1 << 20


@dataclass
class Info:
    path: str
    is_dir: bool = False
    file_size: int | None = 1


@pytest.mark.parametrize(
    ("inside", "why"),
    [
        (lambda path: [Info(f"{path}/a", is_dir=True)], "has folders in folders more than 8 times"),
        (lambda path: [Info(f"{path}/{number}") for number in range(10_001)], "has more than 10000 files"),
    ],
)
def test_a_store_that_lists_for_ever_is_refused(inside, why):
    with pytest.raises(DataError, match=f"^run 1: {why}"):
        list_files("run 1", inside)


def write(file, size):
    """Fail as MLflow does, which fetches in threads and tells of their errors in its own."""
    try:
        file.write_bytes(bytes(size))
    except OSError as error:
        raise MlflowException(f"failed to download: {error}") from error


@pytest.mark.parametrize("said", [1, 2 * MIB])
def test_a_file_that_grows_while_it_is_fetched_is_refused(tmp_path, said):
    with (
        pytest.raises(DataError, match=r"^run 1: a file is larger than its store says"),
        limited_download("run 1", {"a": said}, tmp_path, 1 << 40),
    ):
        write(tmp_path / "a", 2 * MIB + 1)
    assert (tmp_path / "a").stat().st_size <= 2 * MIB


def test_where_no_size_is_listed_the_largest_that_is_taken_counts(tmp_path):
    with limited_download("run 1", {"a": None}, tmp_path, 3 * MIB):
        write(tmp_path / "a", 3 * MIB)
    with (
        pytest.raises(DataError, match="larger than its store says"),
        limited_download("run 1", {"a": None}, tmp_path, 3 * MIB),
    ):
        write(tmp_path / "a", 3 * MIB + 1)


def test_what_does_not_fit_on_the_disk_is_not_begun(tmp_path):
    with (
        pytest.raises(ShortageError, match=r"^run 1: takes 1099511627776 MiB, and .* has room for"),
        limited_download("run 1", {"a": 1 << 60}, tmp_path / "not there yet", 1 << 62),
    ):
        raise AssertionError


def test_what_mlflow_refuses_is_the_requests_fault_and_what_it_lacks_is_not(tmp_path):
    with (
        pytest.raises(DataError, match="MLflow refuses to read it"),
        limited_download("run 1", {}, tmp_path, 1),
    ):
        raise MlflowException("invalid path", error_code=1000)
    with pytest.raises(MlflowException), limited_download("run 1", {}, tmp_path, 1):
        raise MlflowException("500", error_code=1)


@pytest.mark.parametrize("model_id", ["../../api/2.0/mlflow/logged-models/m-1", "/etc/m", "", "m 1", "m-1\n"])
def test_an_id_that_is_a_path_is_none(model_id):
    fields = {"registered_model": "m", "run_id": "r", "recipe": "s", "sha256": "0", "measured_against": None,
              "policy_sha256": "p", "evidence": {}}  # fmt: skip
    RequestRecord.model_validate(fields | {"models": {"0": "m-0123_abc"}})
    with pytest.raises(ValidationError, match="models"):
        RequestRecord.model_validate(fields | {"models": {"0": model_id}})
