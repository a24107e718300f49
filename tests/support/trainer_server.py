"""The parts of a cluster's API that Kubeflow's SDK calls; the pods of a TrainJob are processes of this machine."""

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import yaml

from tests.support.paths import ROOT
from tests.support.programs import free_port

NAMESPACE = "inc-mlflow-pipelines"
RUNTIME = yaml.safe_load((ROOT / "k8s" / "training" / "runtime.yaml").read_text())
_MADE = "2026-01-01T00:00:00Z"


class TrainerServer:
    """What was asked for: ``jobs`` by name, ``removed``, and all ``requests``."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.jobs: dict[str, dict[str, Any]] = {}
        self.pods: dict[str, list[subprocess.Popen]] = {}
        self.removed: list[str] = []
        self.requests: list[tuple[str, str]] = []
        self.refuses: dict[str, int] = {}
        """Method -> the code with which it is refused."""

    def answer(self, method: str, path: str, body: dict[str, Any] | None) -> tuple[int, Any]:
        self.requests.append((method, path))
        if method in self.refuses:
            return self.refuses[method], {"kind": "Status", "message": "not allowed here"}
        *_, kind, name = path.split("/")
        if kind == "trainingruntimes":
            return (200, RUNTIME) if name == RUNTIME["metadata"]["name"] else (404, {})
        if path.endswith("/trainjobs") and body:
            return 201, self._start(body)
        if kind == "trainjobs" and name not in self.jobs:
            return 404, {"kind": "Status", "message": f"no {name}"}
        if kind == "trainjobs":
            if method == "DELETE":
                self._remove(name)
                return 200, {"kind": "Status", "status": "Success"}
            return 200, self._state(name)
        if path.endswith("/pods"):
            return 200, {"kind": "PodList", "items": [one for job in self.jobs for one in self._pods(job)]}
        if name == "log":
            return 200, (self.folder / f"{kind}.log").read_text()
        return 404, {"kind": "Status", "message": f"no {path}"}

    def _start(self, job: dict[str, Any]) -> dict[str, Any]:
        name, trainer = job["metadata"]["name"], job["spec"]["trainer"]
        self.jobs[name] = job
        nodes, port = trainer["numNodes"], free_port()
        self.pods[name] = [
            self._pod(name, trainer["command"], number, nodes, port) for number in range(nodes)
        ]
        return self._state(name)

    def _pod(self, job: str, command: list[str], number: int, nodes: int, port: int) -> subprocess.Popen:
        told = {
            "PET_NNODES": str(nodes),
            "PET_NODE_RANK": str(number),
            "PET_NPROC_PER_NODE": "auto",
            "PET_MASTER_ADDR": "127.0.0.1",
            "PET_MASTER_PORT": str(port),
            "GLOO_SOCKET_IFNAME": "lo",
            "OMP_NUM_THREADS": "1",
        }
        with (self.folder / f"{job}-node-0-{number}.log").open("w") as log:
            return subprocess.Popen(
                [sys.executable, *command[1:]], env=os.environ | told, stdout=log, stderr=subprocess.STDOUT
            )

    def _state(self, name: str) -> dict[str, Any]:
        job, codes = self.jobs[name], [one.poll() for one in self.pods[name]]
        conditions = []
        if any(codes):
            conditions = [{"type": "Failed", "status": "True"}]
            self._end(name)
        elif all(code == 0 for code in codes):
            conditions = [{"type": "Complete", "status": "True"}]
        metadata = job["metadata"] | {"namespace": NAMESPACE, "creationTimestamp": _MADE}
        shown = [{**one, "reason": "Jobs", "message": "", "lastTransitionTime": _MADE} for one in conditions]
        return job | {"metadata": metadata, "status": {"conditions": shown} if shown else {}}

    def _pods(self, job: str) -> Iterator[dict[str, Any]]:
        for number, process in enumerate(self.pods[job]):
            phase = {None: "Running", 0: "Succeeded"}.get(process.poll(), "Failed")
            labels = {
                "jobset.sigs.k8s.io/replicatedjob-name": "node",
                "batch.kubernetes.io/job-completion-index": str(number),
            }
            yield {
                "metadata": {"name": f"{job}-node-0-{number}", "labels": labels, "creationTimestamp": _MADE},
                "spec": {"containers": [{"name": "node", "image": "image"}]},
                "status": {"phase": phase},
            }

    def _remove(self, name: str) -> None:
        self.removed.append(name)
        self._end(name)

    def _end(self, name: str) -> None:
        for one in self.pods[name]:
            if one.poll() is None:
                one.terminate()
                one.wait()


@contextmanager
def trainer_server(folder: Path) -> Iterator[tuple[TrainerServer, Path]]:
    """Yield a server and the kubeconfig that leads to it."""
    server = TrainerServer(folder)

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *_: Any) -> None:
            pass

        def _do(self) -> None:
            size = int(self.headers.get("Content-Length") or 0)
            body = json.loads(self.rfile.read(size)) if size else None
            code, found = server.answer(self.command, self.path.partition("?")[0], body)
            text = found if isinstance(found, str) else json.dumps(found)
            self.send_response(code)
            self.send_header("Content-Type", "text/plain" if isinstance(found, str) else "application/json")
            self.send_header("Content-Length", str(len(text.encode())))
            self.end_headers()
            self.wfile.write(text.encode())

        do_GET = do_POST = do_DELETE = _do  # noqa: N815

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as http:
        threading.Thread(target=http.serve_forever, daemon=True).start()
        address = f"http://127.0.0.1:{http.server_port}"
        config = {
            "clusters": [{"name": "c", "cluster": {"server": address}}],
            "users": [{"name": "u", "user": {}}],
            "contexts": [{"name": "x", "context": {"cluster": "c", "user": "u"}}],
            "current-context": "x",
        }
        (folder / "kubeconfig").write_text(yaml.safe_dump(config))
        try:
            yield server, folder / "kubeconfig"
        finally:
            for name in server.pods:
                server._end(name)
            http.shutdown()
