"""Measurements for the gate, made up: counts of rows lost and gained, and speed-ups."""

import numpy as np

from inc_mlflow.measure.gate.measured import Measured
from inc_mlflow.measure.gate.measurements import LATENCIES
from inc_mlflow.records import (
    BASELINE,
    BenchmarkRecord,
    Conditions,
    Evaluated,
    EvaluationRecord,
    Evidence,
    HostFacts,
    Interval,
    Model,
    Plan,
)
from inc_mlflow.records.sealed_arrays import save_raw
from inc_mlflow.spec import GateSpec

HOST = HostFacts(
    cpu="a",
    isa=(),
    gpu=None,
    cores=1,
    system="Linux",
    runtime={},
    instance_type=None,
    governor=None,
    max_mhz=None,
)
CONDITIONS = Conditions(
    plan=Plan(layout="1s1c1ins1bs", cpus=((0,),), pinned=True, usable=1, quota=None, notes=()),
    scenario="throughput", rate=None, passes=1, rounds=None,
    settings={"threads": 1},
)  # fmt: skip
ROWS = 2000
RIGHT = 1800
GATE = GateSpec()
PASS, UNSURE, FAIL = (0, 0), (20, 10), (80, 10)
"""Rows that a candidate loses and gains: with 2,000 rows and 1 % allowed each has a sure verdict."""
FAST = Interval(value=2.0, low=1.9, high=2.1)
SLOW = Interval(value=0.8, low=0.7, high=0.9)
EVEN = Interval(value=1.0, low=0.9, high=1.1)


def scores(lost=0, gained=0):
    right = np.r_[np.ones(RIGHT), np.zeros(ROWS - RIGHT)]
    right[:lost] = 0
    right[RIGHT : RIGHT + gained] = 1
    return right


def model(label, size=100, sha256=None):
    return Model(
        label=label, path=f"/{label}/model.onnx", sha256=sha256 or f"sha of {label}", size_bytes=size
    )


def measured(accuracy, speed, pool="local", **changes):
    """What one pool found out about candidates: label -> (lost, gained), and label -> speed-up."""
    return found(
        {BASELINE: scores()} | {label: scores(*counts) for label, counts in accuracy.items()},
        speed,
        pool,
        **changes,
    )


def found(outcomes, speed, pool="local", valid=True, source=None, **changes):
    """The same from outcomes row by row."""
    evidence = Evidence(
        pool=pool,
        host=HOST,
        provider="cpu",
        data_sha256="d",
        models={label: f"sha of {label}" for label in outcomes},
        engines=dict.fromkeys(outcomes, "onnxruntime"),
    )
    results = {label: Evaluated(value=float(one.mean()), size_bytes=100) for label, one in outcomes.items()}
    evaluation = {"evidence": evidence, "split": "validation", "metric": "top1", "higher_is_better": True,
                  "decomposable": True, "rows": len(outcomes[BASELINE]), "results": results, "batch": 1,
                  "outcomes_sha256": "o"}  # fmt: skip
    record = benchmark(evidence, speed, valid=valid, source=source)
    return Measured(EvaluationRecord(**evaluation | changes), outcomes, record)


def benchmark(evidence, speed, valid=True, source=None, confidence=0.95):
    """A benchmark of these ratios."""
    return BenchmarkRecord(
        evidence=evidence, valid=valid, reasons=() if valid else ("the host was too busy",),
        layout="1s1c1ins1bs",
        clock="process CPU time", conditions=CONDITIONS, models={}, confidence=confidence, speedup=speed,
        source_speedup=source or {}, latencies_sha256="l",
    )  # fmt: skip


def save_benchmark(folder, evidence, speed):
    """The same in a step's directory, beside raw measurements that it is sealed to."""
    record = benchmark(evidence, speed)
    folder.mkdir()
    digest = save_raw(folder / LATENCIES, record, {})
    record.model_copy(update={"latencies_sha256": digest}).save(folder)
