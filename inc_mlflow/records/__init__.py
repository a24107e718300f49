"""What steps write beside their files: typed, JSON in and out, with a schema version."""

from inc_mlflow.records.base import (
    BASELINE,
    RECORD,
    Frozen,
    Interval,
    Record,
    Verdict,
)
from inc_mlflow.records.candidates import (
    Candidate,
    CandidatesRecord,
    LayerSaturation,
    Model,
    SaturationReport,
    Trial,
)
from inc_mlflow.records.facts import (
    CalibrationRecord,
    ChampionRecord,
    DataFacts,
    HostFacts,
    ImportRecord,
    SplitFacts,
    TensorSpec,
)
from inc_mlflow.records.judgements import (
    JudgementRecord,
    PoolResult,
    PromotionRecord,
    Row,
    TrackingRecord,
)
from inc_mlflow.records.measurements import (
    BenchmarkRecord,
    Cause,
    Evaluated,
    EvaluationRecord,
    Evidence,
    Slow,
    Speed,
)

__all__ = [
    "BASELINE",
    "RECORD",
    "BenchmarkRecord",
    "CalibrationRecord",
    "Candidate",
    "CandidatesRecord",
    "Cause",
    "ChampionRecord",
    "DataFacts",
    "Evaluated",
    "EvaluationRecord",
    "Evidence",
    "Frozen",
    "HostFacts",
    "ImportRecord",
    "Interval",
    "JudgementRecord",
    "LayerSaturation",
    "Model",
    "PoolResult",
    "PromotionRecord",
    "Record",
    "Row",
    "SaturationReport",
    "Slow",
    "Speed",
    "SplitFacts",
    "TensorSpec",
    "TrackingRecord",
    "Trial",
    "Verdict",
]
