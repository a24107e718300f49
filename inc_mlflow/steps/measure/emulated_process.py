"""The process that evaluates under an emulated CPU: a program with its request as JSON on standard input.

``emulate.py`` starts it as ``python -P -m inc_mlflow.steps.measure.emulated_process``.
"""

import json
import sys
import time
import traceback
from collections.abc import Collection
from pathlib import Path
from typing import Any

from inc_mlflow.engines.emulating import confirm_emulation
from inc_mlflow.errors import HardwareError, IncError
from inc_mlflow.guard import end_with_parent
from inc_mlflow.hardware import isa
from inc_mlflow.records import Model, Record, Shard
from inc_mlflow.steps import failure
from inc_mlflow.steps.measure.evaluate import evaluate_models
from inc_mlflow.steps.measure.evaluate_shards import reduce_shard
from inc_mlflow.steps.step import load_job


def main() -> int:
    """Check that this process is emulated, then evaluate; what ends it goes into the file in the request."""
    request = json.load(sys.stdin)
    end_with_parent(request["parent"])
    try:
        _confirm({model["engine"] for model in request["models"]})
        _evaluate(request)
    except IncError as error:
        failure.save(Path(request["failure"]), error)
        return 2
    except KeyboardInterrupt:
        return 130  # the parent was interrupted too, and says so
    except Exception:
        failure.save_bug(Path(request["failure"]), traceback.format_exc())
        raise
    return 0


def _confirm(engines: Collection[str]) -> None:
    profile = isa.emulated_profile()
    if profile is None:
        raise HardwareError("emulation: this process is not told which CPU to be; nothing was measured")
    if not engines:
        raise HardwareError("emulation: the request names no model; nothing was measured")
    confirm_emulation(engines, profile.name)


def _evaluate(request: dict[str, Any]) -> None:
    start, target = time.monotonic(), Path(request["target"])
    models = [Model.model_validate(model) for model in request["models"]]
    job = load_job(request["job"], request["root"])
    record: Record
    if "shard" in request:
        record = reduce_shard(job, models, Shard.parse(request["shard"]), target)
    else:
        record = evaluate_models(job, models, request["split"], target)
    record.model_copy(update={"seconds": time.monotonic() - start}).save(target)


if __name__ == "__main__":
    sys.exit(main())
