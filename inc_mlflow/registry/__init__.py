"""Tables of the names that a job can use: one file per table, which is where a row is added.

The job's schema, `inc-mlflow list`, the documentation and messages take their names from these tables.
"""

from inc_mlflow.registry.table import Registry, Row, did_you_mean

__all__ = ["Registry", "Row", "did_you_mean"]
