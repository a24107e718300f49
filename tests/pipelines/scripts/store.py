"""Print, as JSON, what an MLflow store holds beside ledgers: `store.py URI`."""

import json
import sqlite3
import sys
import warnings

warnings.simplefilter("ignore")
from mlflow import MlflowClient
from mlflow.entities import ViewType

client = MlflowClient(sys.argv[1], sys.argv[1])
experiments = [
    one.experiment_id
    for one in client.search_experiments(ViewType.ALL)
    if one.name != "Default" and "inc.owner" not in one.tags  # of a ledger
]
runs = client.search_runs(experiments, run_view_type=ViewType.ALL)
models = client.search_registered_models()
database = sqlite3.connect(sys.argv[1].removeprefix("sqlite:///"))
POINTS = {"metrics": "run_uuid, key", "logged_model_metrics": "model_id, metric_name"}
TWICE = [f"SELECT {key} FROM {table} GROUP BY {key} HAVING COUNT(*) > 1" for table, key in POINTS.items()]
json.dump(
    {
        "twice": [point for query in TWICE for point in database.execute(query)],
        "experiments": len(experiments),
        "runs": [
            {
                "id": run.info.run_id,
                "live": run.info.lifecycle_stage == "active",
                "status": run.info.status,
                "role": run.data.tags.get("inc.role"),
                "parent": run.data.tags.get("mlflow.parentRunId"),
                "sha256": run.data.params.get("inc.sha256"),
                "model": run.data.tags.get("inc.model_id"),
                "metrics": sorted(run.data.metrics),
            }
            for run in runs
        ],
        "versions": [
            {
                "version": str(one.version),
                "sha256": one.tags.get("inc.sha256"),
                "model": one.tags.get("inc.model_id"),
            }
            for one in client.search_model_versions()
        ],
        "aliases": {
            model.name: {name: str(version) for name, version in model.aliases.items()} for model in models
        },
        "logged": [
            {
                "id": one.model_id,
                "run": one.source_run_id,
                "status": str(one.status),
            }
            for one in client.search_logged_models(experiments)
        ],
    },
    sys.stdout,
)
