"""All files below an address, copied into a folder that none of them leaves."""

from pathlib import Path, PurePosixPath

from inc_mlflow.errors import DataError
from inc_mlflow.remote.address import Address
from inc_mlflow.remote.stores import open_store


def fetch_below(address: Address, folder: Path) -> list[Path]:
    """Copy what is below an address; return the names in the folder.

    Raises DataError for a name that leads out of it, before anything is copied, and where the store refuses.
    """
    store = open_store(address)
    names = {key: PurePosixPath(key).relative_to(address.key) for key in store.below(address)}
    if wrong := next((key for key, name in names.items() if ".." in name.parts), None):
        raise DataError(f"{address}: {wrong!r} leads out of the folder; remove it")
    for name in names.values():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
    store.download({address.child(str(name)): folder / name for name in names.values()})
    return [Path(name) for name in names.values()]
