"""Explain what a server or a database refused, and say what to do about it."""

import re
import sqlite3
from collections.abc import Iterator

_IN_WORDS = re.compile(
    r"failed with error code (\d{3})|too many (\d{3}) error responses|^(\d{3}) \w+ Error: "
)
"""How MLflow, urllib3 and requests write the status of an answer that was no JSON of the server's."""
_ENDPOINT = re.compile(r"/mlflow(?:-artifacts)?/([a-z-]+)")
_READING = re.compile(r"/(?:get|search|list|query)[a-z-]*(?:[\s?'\"]|$)")
_LOGIN = "MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD, or MLFLOW_TRACKING_TOKEN"
_STATEMENT = re.compile(r"\s*(?:\[SQL: |\[parameters: |\(Background on this error at: ).*", re.DOTALL)
_LONGEST = 600
"""Characters of the server's own words: some answer with a page."""
_LOCKED = "the database is locked: another process writes to it; let that one end, and run this again"
_DATABASE = {
    sqlite3.SQLITE_FULL: "the disk is full; free some space and run the same command again",
    sqlite3.SQLITE_READONLY: "the database cannot be written; let this user write it and its folder",
    sqlite3.SQLITE_BUSY: _LOCKED,
    sqlite3.SQLITE_LOCKED: _LOCKED,
    sqlite3.SQLITE_IOERR: "the disk does not read or write the database; look whether it is full or broken",
    sqlite3.SQLITE_CANTOPEN: "the database cannot be opened; let this user read and write it and its folder",
    sqlite3.SQLITE_CORRUPT: "the database is damaged; restore a copy of it",
    sqlite3.SQLITE_NOTADB: "the file is no SQLite database; restore a copy of it, or give another",
}
"""By SQLite's primary codes."""
_PRIMARY = 0xFF


def explain_refusal(error: Exception, uri: str, waited: str) -> str:
    """Say what was refused and what to do, in the server's words where it has any, and without SQL.

    ``waited`` says how long a busy server was waited for.
    """
    words = _STATEMENT.sub("", " ".join(str(error).split()))
    words = words if len(words) <= _LONGEST else f"{words[:_LONGEST]}…"
    if (told := _explain_database(error)) is not None:
        return told
    match status(error):
        case 401:
            return f"does not accept {_identity(uri)} (401); set {_LOGIN}: {words}"
        case 403:
            right = _right(words)
            return (
                f"{_identity(uri)} may not do this (403); {right}, "
                f"or log in as another with {_LOGIN}: {words}"
            )
        case 429:
            return f"was asked too often (429){waited}; run this again later, or let it allow more: {words}"
    return words


def status(error: Exception) -> int | None:
    """Return the HTTP status of an error of MLflow's or of requests'; None where it has none."""
    from mlflow.exceptions import MlflowException

    if (found := _IN_WORDS.search(str(error))) is not None:
        return int(next(filter(None, found.groups())))
    if (response := getattr(error, "response", None)) is not None:
        return int(response.status_code)
    if not isinstance(error, MlflowException):
        return None
    return int(error.get_http_status_code())  # type: ignore[no-untyped-call]


def explain_sqlite(error: sqlite3.Error) -> str:
    """Say what SQLite refused."""
    code = getattr(error, "sqlite_errorcode", 0) & _PRIMARY
    return _DATABASE.get(code, str(error))


def _explain_database(error: Exception) -> str | None:
    """Explain what SQLite refused, here or behind a server, which passes on its words alone; else None."""
    found = next((one for one in _causes(error) if isinstance(one, sqlite3.Error)), None)
    if found is not None and getattr(found, "sqlite_errorcode", 0) & _PRIMARY in _DATABASE:
        return explain_sqlite(found)
    return (
        "the server's disk is full; free some space there"
        if "database or disk is full" in str(error)
        else None
    )


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        yield from filter(None, [getattr(error, "orig", None)])  # what SQLAlchemy wraps
        error = error.__cause__ or error.__context__


def _identity(uri: str) -> str:
    """Name the login that MLflow's client uses for a server."""
    from mlflow.utils.credentials import get_default_host_creds

    login = get_default_host_creds(uri)  # type: ignore[no-untyped-call]
    if login.username and login.password:
        return f"user {login.username!r}"
    if login.token:
        return "the token of MLFLOW_TRACKING_TOKEN"
    return "a user without a login"


def _right(words: str) -> str:
    """Say which right is missing, by MLflow's names, as far as the server's words show the endpoint."""
    found = _ENDPOINT.search(words)
    if found is None:
        return "ask its administrator for the right"
    of_model = found[1] in ("registered-models", "model-versions")
    what = "the registered model" if of_model else "the experiment"
    right = "READ" if _READING.search(words) else "EDIT (MANAGE to delete)"
    return f"it needs {right} on {what} (docs/promotion.md): ask its owner or an administrator"
