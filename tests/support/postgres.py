"""PostgreSQL as Debian packages it, as a user of its own since it refuses to run as root."""

import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.support.programs import Program, leave_out

_ENVIRONMENT = {"PATH": os.defpath, "LC_ALL": "C"}


class Postgres(Program):
    """A cluster of databases."""

    def __init__(self, binaries: Path, folder: Path, user: str | None) -> None:
        self.folder, self.binaries = folder, binaries
        # Killed processes lose nothing without fsync, only killed machines do.
        command = [
            binaries / "postgres",
            "-D",
            folder / "data",
            "-k",
            folder,
            "-c",
            "listen_addresses=",
            "-c",
            "fsync=off",
        ]
        super().__init__(command, folder / "log", self._answers, _ENVIRONMENT, user, end=signal.SIGINT)

    def create(self, database: str) -> str:
        """Make an empty database and return its URI."""
        self._call("createdb", database)
        return f"postgresql+psycopg2://postgres@/{database}?host={self.folder}"

    def _answers(self) -> bool:
        return self._call("pg_isready", check=False) == 0

    def _call(self, program: str, *arguments: str, check: bool = True) -> int:
        command = [self.binaries / program, "--host", self.folder, "--username", "postgres", *arguments]
        return subprocess.run(command, env=_ENVIRONMENT, stdout=subprocess.DEVNULL, check=check).returncode


@contextmanager
def postgres() -> Iterator[Postgres]:
    """Give a running server with no database; its folder has a short name, which sockets need."""
    binaries = _binaries() or leave_out("PostgreSQL is not installed")
    folder, user = Path(tempfile.mkdtemp(prefix="postgres-")), "postgres" if os.geteuid() == 0 else None
    if user:
        shutil.chown(folder, user, user)
    init = [
        binaries / "initdb",
        "-D",
        folder / "data",
        "-U",
        "postgres",
        "--auth=trust",
        "--no-sync",
        "--encoding=UTF8",
    ]
    quiet = {"stdout": subprocess.DEVNULL, "cwd": folder, "env": _ENVIRONMENT}
    subprocess.run(init, check=True, user=user, group=user, extra_groups=[] if user else None, **quiet)
    server = Postgres(binaries, folder, user)
    try:
        server.start()
        yield server
        server.stop()
    finally:
        server.kill()
        shutil.rmtree(folder)


def _binaries() -> Path | None:
    packaged = sorted(
        Path("/usr/lib/postgresql").glob("*/bin/postgres"), key=lambda path: int(path.parts[-3])
    )
    found = packaged[-1] if packaged else shutil.which("postgres")
    return Path(found).parent if found else None
