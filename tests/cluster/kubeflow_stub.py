"""A stand-in for the API server of Kubeflow Pipelines: the calls that its client makes, kept in memory.

It is not KFP.
"""

import json
import threading
import uuid
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlparse

API = "/apis/v2beta1"


@dataclass
class Asked:
    method: str
    path: str
    query: dict
    headers: dict
    body: dict | None


@dataclass
class Kubeflow:
    """What the server holds, what it was asked, and how it is told to misbehave."""

    url: str = ""
    multi_user: bool = False
    experiments: dict = field(default_factory=dict)
    runs: dict = field(default_factory=dict)
    asked: list = field(default_factory=list)
    states: list = field(default_factory=list)
    """Successive answers about a run: (state, tasks)."""
    answers: dict = field(default_factory=dict)
    """Path -> (status, content type, body), instead of the right answer."""
    lost: set = field(default_factory=set)
    """Paths whose next POST is done, and its answer lost."""

    def posts(self, path):
        return [one for one in self.asked if (one.method, one.path) == ("POST", API + path)]

    def answer(self, asked):
        if asked.path in self.answers:
            return self.answers[asked.path]
        return 200, "application/json", json.dumps(self._data(asked)).encode()

    def _data(self, asked):
        path = asked.path.removeprefix(API)
        if path == "/healthz":
            return {"multi_user": self.multi_user, "pipeline_store": "database"}
        if path == "/experiments":
            return self._made(self.experiments, "experiment_id", asked, "experiments")
        if path == "/runs":
            return self._made(self.runs, "run_id", asked, "runs")
        return self._run(path.removeprefix("/runs/"))

    def _made(self, table, key, asked, plural):
        if asked.method == "GET":
            return {plural: [one for one in table.values() if one["display_name"] == wanted(asked)]}
        made = dict(asked.body) | {key: str(uuid.uuid4())}
        table[made[key]] = made
        return made

    def _run(self, run):
        state, tasks = self.states.pop(0) if len(self.states) > 1 else self.states[0]
        return {"run_id": run, "state": state, "run_details": {"task_details": tasks}}


def wanted(asked):
    (predicate,) = json.loads(asked.query["filter"])["predicates"]
    assert (predicate["operation"], predicate["key"]) in {(1, "display_name"), ("EQUALS", "display_name")}
    return predicate["stringValue"]


def task(name, state, end=None, message=None):
    detail = {"task_id": name, "display_name": name, "state": state}
    detail |= {"end_time": f"2026-01-01T00:00:{end:02}Z"} if end is not None else {}
    return detail | ({"error": {"code": 2, "message": message}} if message else {})


def handler(kubeflow):
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            self._serve(None)

        def do_POST(self):
            self._serve(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))

        def _serve(self, body):
            parts = urlparse(self.path)
            query = {name: values[0] for name, values in parse_qs(parts.query).items()}
            headers = {name.lower(): value for name, value in self.headers.items()}
            kubeflow.asked.append(Asked(self.command, parts.path, query, headers, body))
            status, kind, data = kubeflow.answer(kubeflow.asked[-1])
            if self.command == "POST" and parts.path in kubeflow.lost:
                kubeflow.lost.discard(parts.path)
                self.close_connection = True
                return
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_):
            pass

    return Handler


@contextmanager
def served():
    kubeflow = Kubeflow()
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler(kubeflow))
    kubeflow.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield kubeflow
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def json_error(status, message):
    return status, "application/json", json.dumps({"error": message, "code": 16, "message": message}).encode()
