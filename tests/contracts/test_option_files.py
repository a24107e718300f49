"""Options that name a file: a job that leaves this machine takes them along, so an entry must list them all."""

import pytest

from inc_mlflow.registry.datasets import DATASETS
from inc_mlflow.registry.metrics import METRICS
from inc_mlflow.registry.postprocess import POSTPROCESS

ENTRIES = [(table, name) for table in (DATASETS, METRICS, POSTPROCESS) for name in table]


@pytest.mark.parametrize(("table", "name"), ENTRIES, ids=[f"{table.kind}-{name}" for table, name in ENTRIES])
def test_an_entry_lists_all_its_options_that_are_relative_to_the_job_file(table, name):
    options = table.options(name) if table is DATASETS else table.get(name)
    fields = options.model_fields if options else {}
    relative = {
        field for field, about in fields.items() if "relative to the job file" in (about.description or "")
    }
    assert set(table.entry(name).files) == relative
