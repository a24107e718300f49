"""Whether all files of a job are named by content."""

from inc_mlflow.spec import JobSpec


def pinned(spec: JobSpec) -> bool:
    """Tell whether a cluster finds every file of the job by its sha256."""
    return spec.bundle is not None
