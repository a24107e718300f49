"""The servers that other tests stand on: what is in them outlives their being killed."""

import urllib.error
import urllib.request

import pytest
from mlflow_server import MlflowServer

from inc_mlflow.tracking.server import Stores, connected


@pytest.mark.slow
def test_artifacts_and_runs_outlive_killed_servers(full_server: MlflowServer, s3_server, postgres_server, become, tmp_path):
    become(full_server, "pipeline")
    text = "of the pipeline" * 100_000
    with connected(Stores(full_server.url, full_server.url)) as client:
        run_id = client.create_run(client.create_experiment("kept")).info.run_id
        client.log_text(run_id, text, "text")
    for server in (full_server, s3_server, postgres_server):
        server.kill()
    for server in (postgres_server, s3_server, full_server):
        server.start()
    with connected(Stores(full_server.url, full_server.url)) as client:
        assert client.get_run(run_id).info.artifact_uri.startswith("mlflow-artifacts:")
        client.download_artifacts(run_id, "text", str(tmp_path))
    assert (tmp_path / "text").read_text() == text
    assert list(s3_server.folder.rglob(f"{run_id}/artifacts/text"))


@pytest.mark.slow
def test_a_stranger_is_refused(full_server: MlflowServer):
    with pytest.raises(urllib.error.HTTPError, match="401"):
        urllib.request.urlopen(f"{full_server.url}/api/2.0/mlflow/experiments/search?max_results=1", timeout=30)
