"""How processes of a training get their inputs and give their results: by two folders, here or in a store.

``given`` is for all processes, ``made`` is what they leave. The pods of a cluster work on copies of them.
"""

from pathlib import Path

from inc_mlflow.remote import Address, fetch_below, is_remote, open_store

GIVEN, MADE = "given", "made"


class Exchange:
    """The folder of both, for one process; ``scratch`` holds the copy where ``place`` is an address."""

    def __init__(self, place: str, scratch: Path) -> None:
        self._address = Address.parse(place) if is_remote(place) else None
        self.folder = scratch if self._address else Path(place)
        for name in (GIVEN, MADE):
            (self.folder / name).mkdir(parents=True, exist_ok=True)

    def put(self, name: str, source: Path) -> str:
        """Give a folder; return where processes find it: as it is, or relative to ``folder``."""
        if self._address is None:
            return str(source.resolve())
        _send(source, self._address.child(GIVEN).child(name))
        return f"{GIVEN}/{name}"

    def room(self, name: str, here: Path) -> str:
        """Return where processes have a folder of their own that outlives them, if anything does."""
        return name if self._address else str(here.resolve())

    def send(self, name: str) -> None:
        """Let others see one of the two folders."""
        if self._address is not None:
            _send(self.folder / name, self._address.child(name))

    def fetch(self, name: str) -> None:
        """Get what others have sent of it; raise DataError or StateError where the store does not give it."""
        if self._address is not None:
            fetch_below(self._address.child(name), self.folder / name)


def _send(source: Path, place: Address) -> None:
    store = open_store(place)
    for file in sorted(source.rglob("*")):
        if file.is_file():
            store.write(file, place.child(file.relative_to(source).as_posix()))
