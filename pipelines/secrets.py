"""Refuses secrets in a job: Kubeflow stores its text, and every user of the cluster may read it."""

import os
import re
from pathlib import Path

from inc_mlflow.errors import SpecError

_LOOKS = {
    "a password in a URL": re.compile(r"://[^/\s\"]+:[^/\s\"]+@"),
    "an AWS access key": re.compile(r"\b(AKIA|ASIA)[0-9A-Z]{16}\b"),
    "a signed URL": re.compile(r"[?&](X-Amz-Signature|Signature|sig)="),
    "a private key": re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----"),
    "a token": re.compile(r"\beyJ[\w-]{10,}\.eyJ[\w-]{10,}\.[\w-]+"),
}
_HOLDERS = ("AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "MLFLOW_TRACKING_PASSWORD", "MLFLOW_TRACKING_TOKEN")
_SHORTEST = 8
"""Characters of the shortest secret that is looked for: shorter ones occur in a text by chance."""


def refuse_secrets(job_text: str, token: Path | None) -> None:
    """Raise SpecError, without the secret, where a job's text holds a secret or what looks like one."""
    for what, look in _LOOKS.items():
        if look.search(job_text):
            raise SpecError(
                f"job: holds {what}; keep it out: pods get secrets from Kubernetes, see docs/cluster.md"
            )
    ours = {name: os.environ.get(name, "") for name in _HOLDERS}
    ours |= {"--token-file": token.read_text().strip() if token else ""}
    for name, value in ours.items():
        if len(value) >= _SHORTEST and value in job_text:
            raise SpecError(f"job: holds the secret of {name}; keep it out: pods get secrets from Kubernetes")
