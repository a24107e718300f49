"""Submit a job to Kubeflow: check it, upload its files, compile it, start one run."""

import json
import tempfile
import uuid
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import ValidationError

from inc_mlflow.errors import ClusterError, SpecError
from inc_mlflow.pipelines import SHARDS
from inc_mlflow.pipelines.bundle import bundle, local_files
from inc_mlflow.pipelines.compiling import PIPELINES, compile_package
from inc_mlflow.pipelines.endpoint import Endpoint
from inc_mlflow.pipelines.images import not_published
from inc_mlflow.pipelines.secrets import refuse_secrets
from inc_mlflow.spec import Job, TrackingSpec
from inc_mlflow.spec.source import of_artifact
from inc_mlflow.spec.spec_model import spec_error
from inc_mlflow.tracking.server.connection import Server

if TYPE_CHECKING:
    from inc_mlflow.pipelines.client import QuickClient


@dataclass(frozen=True)
class RunOptions:
    """How to start a run; None leaves a choice to the server."""

    experiment: str
    run_name: str | None = None
    service_account: str | None = None
    pipeline_root: str | None = None


def submit(
    job: Job,
    pipeline: str,
    endpoint: Endpoint,
    options: RunOptions,
    registry: str | None,
    notify: Callable[[str], None],
    shards: int = SHARDS,
) -> str:
    """Start one run of a job that names its server, and return the run's id.

    All checks come before the first upload; ``notify`` receives what is uploaded. Raises ClusterError where
    the server or the network refuses, SpecError for a job that cannot run there.
    """
    from inc_mlflow.pipelines.client import connected_cluster

    PIPELINES.get(pipeline)
    _refuse_artifact(job)
    if missing := not_published(job.spec.images):
        raise ClusterError(missing)
    refuse_secrets(job.spec.to_text(), endpoint.token)
    with connected_cluster(endpoint):
        pass  # before anything is uploaded
    job = _bundled(job, options, notify)
    with tempfile.TemporaryDirectory() as folder:
        package = Path(folder) / "package.yaml"
        compile_package(job, pipeline, package, registry, shards)
        return start(package, endpoint, replace(options, run_name=options.run_name or _run_name(job)))


def _refuse_artifact(job: Job) -> None:
    if of_artifact(job.spec.model):
        raise SpecError(
            "model: an artifact is made by a task, and this job's pipeline has none that does; "
            "compile it, and call it in a pipeline of yours (docs/sources.md)"
        )


def with_server(job: Job) -> Job:
    """Return the job with the MLflow server in force here. Raises SpecError for a local store."""
    server = Server.of(job)
    for uri in (server.tracking_uri, server.registry_uri):
        if not uri.startswith(("http://", "https://")):
            raise SpecError(
                "tracking.uri: a local MLflow store, which no pod can reach; "
                "set MLFLOW_TRACKING_URI, or tracking.uri in the job, to a server's http(s) URL"
            )
    return replace(job, spec=job.spec.model_copy(update={"tracking": _tracking(server)}))


def _tracking(server: Server) -> TrackingSpec:
    try:
        return TrackingSpec(
            uri=server.tracking_uri,
            registry_uri=server.registry_uri,
            experiment=server.experiment,
            registered_model=server.registered_model,
        )
    except ValidationError as error:
        raise SpecError(f"tracking.{spec_error(error)}") from error


def start(package: Path, endpoint: Endpoint, options: RunOptions) -> str:
    """Create the experiment, unless there is one, and exactly one run; return the run's id."""
    from inc_mlflow.pipelines.client import connected_cluster

    with connected_cluster(endpoint) as client:
        namespace = client.get_user_namespace() or None
        return _run(client, package, _experiment(client, options.experiment, namespace), endpoint, options)


def _bundled(job: Job, options: RunOptions, notify: Callable[[str], None]) -> Job:
    files = local_files(job)
    if files and options.pipeline_root is None:
        raise SpecError(
            f"--pipeline-root: the job reads local files ({', '.join(files)}); "
            "say where they go, as s3://bucket/prefix"
        )
    return bundle(job, options.pipeline_root, notify) if options.pipeline_root else job


def _experiment(client: "QuickClient", name: str, namespace: str | None) -> str:
    """Return the id of the one experiment of that name."""
    from inc_mlflow.pipelines.client import FAILURES, is_unclear

    try:
        try:
            made = client.create_experiment(name, namespace=namespace)
        except FAILURES as error:
            if not is_unclear(error):
                raise
            # This looks first whether there is such an experiment.
            made = client.create_experiment(name, namespace=namespace)
    except ValueError as error:
        raise ClusterError(f"--experiment: {' '.join(str(error).split())} Choose another name") from error
    return str(made.experiment_id)


def _run(
    client: "QuickClient", package: Path, experiment: str, endpoint: Endpoint, options: RunOptions
) -> str:
    """Create a run once: after a lost answer it is looked for, and never requested again."""
    from inc_mlflow.pipelines.client import FAILURES, failure_text, is_unclear

    name = options.run_name or package.stem
    before = _runs(client, experiment, name)
    try:
        made = client.run_pipeline(
            experiment,
            name,
            str(package),
            pipeline_root=options.pipeline_root,
            service_account=options.service_account,
        )
    except FAILURES as error:
        if not is_unclear(error):
            raise
        found = _runs(client, experiment, name) - before
        if len(found) == 1:
            return found.pop()
        where = f"{endpoint.page}/#/experiments/details/{experiment}"
        raise ClusterError(
            f"--host: {endpoint.host} did not answer ({failure_text(error)}) and has {len(found) or 'no'} "
            f"new runs called {name!r}; look at {where} before you submit again"
        ) from error
    return str(made.run_id)


def _runs(client: "QuickClient", experiment: str, name: str) -> set[str]:
    """Return the ids of the runs of a name."""
    wanted = json.dumps({"predicates": [{"operation": "EQUALS", "key": "display_name", "stringValue": name}]})
    answer = client.list_runs(experiment_id=experiment, page_size=100, filter=wanted)
    return {run.run_id for run in answer.runs or [] if run.display_name == name}


def _run_name(job: Job) -> str:
    return f"{job.spec.name} {uuid.uuid4().hex[:8]}"
