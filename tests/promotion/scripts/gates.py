"""Gates in processes of their own: `gates.py [--dying STEP] RUN_ID...` prints each decision as a line of JSON.

With `--dying 2` the n-th gate kills itself as soon as its 2n-th writing call was answered, and prints nothing.
"""

import argparse
import os
import signal
import sys
import warnings

warnings.simplefilter("ignore")
import mlflow  # noqa: F401 - loaded once, for all gates
import requests

from inc_mlflow.errors import IncError
from inc_mlflow.promotion.process_request import process_untrusted_request
from inc_mlflow.promotion.review import Policy
from inc_mlflow.tracking.server.connection import Stores

_send = requests.Session.send


def deadly(fatal: int) -> None:
    """Count what this process writes to the server."""
    written = 0

    def send(self, request, **more):
        nonlocal written
        answer = _send(self, request, **more)
        written += request.method != "GET" and not request.path_url.endswith("search")
        if written == fatal:
            os.kill(os.getpid(), signal.SIGKILL)
        return answer

    requests.Session.send = send


def gate(run_id: str) -> None:
    try:
        text = process_untrusted_request(Stores.of_environment(), run_id, Policy()).model_dump_json()
    except IncError as error:
        text = f'"{error}"'
    os.write(1, f"{text}\n".encode())


asked = argparse.ArgumentParser()
asked.add_argument("--dying", type=int)
asked.add_argument("runs", nargs="+")
options = asked.parse_args()
ready, go = os.pipe()
children = []
for number, run_id in enumerate(options.runs, start=1):
    child = os.fork()
    if not child:
        os.close(go)
        os.read(ready, 1)
        if options.dying:
            deadly(number * options.dying)
        gate(run_id)
        os._exit(0)
    children.append(child)
os.close(go)
for child in children:
    os.waitpid(child, 0)
sys.exit(0)
