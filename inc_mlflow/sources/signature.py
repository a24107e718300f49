"""Which of a model's signatures is meant."""

from collections.abc import Sequence

from inc_mlflow.errors import ModelError

DEFAULT_SIGNATURE = "serving_default"


def chosen_signature(where: str, name: str | None, there: Sequence[str]) -> str:
    """Return the named signature, else the default one, else the only one.

    Raises ModelError where there is none such.
    """
    names = ", ".join(sorted(there)) or "none"
    if name is not None:
        if name not in there:
            raise ModelError(f"{where}: no `signature` {name!r}; it has {names}")
        return name
    if DEFAULT_SIGNATURE in there:
        return DEFAULT_SIGNATURE
    if len(there) != 1:
        raise ModelError(f"{where}: name a `signature`; it has {names}")
    return there[0]
