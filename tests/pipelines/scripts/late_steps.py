"""Connect, or log and promote, and die at the n-th write: `late_steps.py WHAT JOB N`."""

import json
import os
import signal
import sys
import warnings
from pathlib import Path

warnings.simplefilter("ignore")
from sqlalchemy import event
from sqlalchemy.engine import Engine

from inc_mlflow.spec import Job
from inc_mlflow.steps.judge.promote import promote_best
from inc_mlflow.steps.report.track import track
from inc_mlflow.tracking.registry.champions import find_champion
from inc_mlflow.tracking.server.connection import Server, connected

what, job, fatal = sys.argv[1], Job.load(Path(sys.argv[2])), int(sys.argv[3])
written = 0


@event.listens_for(Engine, "after_cursor_execute")
def count(connection, cursor, statement, *_):
    global written
    written += statement.split()[0].upper() not in {"SELECT", "PRAGMA"}
    if written == fatal:
        os.kill(os.getpid(), signal.SIGKILL)


@event.listens_for(Engine, "commit")
def committed(connection):
    global written
    written += 1
    if written == fatal:
        os.kill(os.getpid(), signal.SIGKILL)


if what == "connect":
    with connected(Server.of(job)) as client:
        assert find_champion(client, "digits", "int8-champion") is None
else:
    state = Path(os.environ["INC_MLFLOW_STATE"])
    os.environ["INC_MLFLOW_SESSION"] = (state / "session").read_text()
    steps = {name: state / name for name in ("baseline", "candidates", "judgement")}
    track(job, state / "tracking", **steps, records=[state / "evaluation", state / "benchmark"])
    late = {name: state / name for name in ("champion", "judgement", "tracking")}
    promote_best(job, state / "promotion", **late)
print(json.dumps(written))
