"""A job on PostgreSQL and S3 with users, and what is left of it once all three servers were killed."""

import urllib.error
import urllib.request
from pathlib import Path

import pytest

from inc_mlflow.files import sha256_file
from inc_mlflow.tracking.server.connection import Stores, connected

pytestmark = pytest.mark.slow


def test_the_models_of_a_job_outlive_killed_servers(
    full_server, s3_server, postgres_server, become, measured, tmp_path
):
    become(full_server, "pipeline")
    logged = measured.track(tmp_path, session="killed servers")
    run_id = measured.request(tmp_path)
    for server in (full_server, s3_server, postgres_server):
        server.kill()
    for server in (postgres_server, s3_server, full_server):
        server.start()

    with connected(Stores(full_server.url, full_server.url)) as client:
        assert "inc.request_sha256" in client.get_run(run_id).data.params
        found = {sha256: downloaded(model_id, tmp_path) for sha256, model_id in logged.models.items()}
    assert len(found) > 1
    assert all(sha256_file(model) == sha256 for sha256, model in found.items())
    assert all(
        list(s3_server.folder.rglob(f"{model_id}/artifacts/model.onnx"))
        for model_id in logged.models.values()
    )


def downloaded(model_id, folder):
    import mlflow

    (folder / model_id).mkdir()
    return (
        Path(mlflow.artifacts.download_artifacts(f"models:/{model_id}", dst_path=str(folder / model_id)))
        / "model.onnx"
    )


def test_a_stranger_is_refused(full_server):
    with pytest.raises(urllib.error.HTTPError, match="401"):
        urllib.request.urlopen(
            f"{full_server.url}/api/2.0/mlflow/experiments/search?max_results=1", timeout=30
        )
