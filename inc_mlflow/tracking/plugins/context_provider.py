"""MLflow's entry point for the tags of runs.

It may import nothing else of MLflow, which imports it before its own import is complete.
"""

from mlflow.tracking.context.abstract_context import RunContextProvider

from inc_mlflow.tracking.plugins.step_context import in_step, step_tags


class StepContext(RunContextProvider):
    """Tags the runs that our steps open, and no other runs."""

    def in_context(self) -> bool:
        """Tell whether the run is opened by a step of ours."""
        return in_step()

    def tags(self) -> dict[str, str]:
        """Return the step, its pod and its hardware."""
        return step_tags()
