"""Tables of the names that a job can use: one file per table, which is where an entry is added.

The job's schema, `inc-mlflow list`, the documentation and messages take their names from these tables.
"""

from inc_mlflow.registry.table import Entry, Registry, did_you_mean

__all__ = ["Entry", "Registry", "did_you_mean"]
