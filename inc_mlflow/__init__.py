"""Turn FP32 models into INT8 models that can be trusted."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from inc_mlflow.spec import JobSpec

__version__ = "0.1.0"
__all__ = ["JobSpec", "__version__"]


def __getattr__(name: str) -> Any:
    # Lazy: pydantic would double the start of `inc-mlflow --help`.
    if name != "JobSpec":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from inc_mlflow.spec import JobSpec

    return JobSpec
