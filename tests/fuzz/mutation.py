"""Seeded damage: to bytes as disks and networks do it, and to values as a wrong or a hostile writer does."""

import copy
import json
from collections.abc import Callable
from random import Random
from typing import Any

NUMBERS = [
    0,
    -1,
    1,
    2,
    7,
    2**31 - 1,
    2**31,
    -(2**31),
    2**63 - 1,
    2**63,
    10**12,
    10**30,
    10**400,
    0.5,
    -0.0,
    5e-324,
    1e308,
]
SPECIAL = [float("inf"), float("-inf"), float("nan"), 1 - 2**-53]
TEXTS = [
    "",
    "\0",
    "a\nb",
    "\u2028",
    "\ud800",
    "é" * 70,
    "x" * 70_000,
    "../x",
    "/dev/zero",
    "1e999",
    "{}",
    "%s",
    "🤗",
]
OTHERS: list[Any] = [None, True, False, [], {}, [[]], {"": None}, [0] * 300]
BYTES = [
    b"\0",
    b"\xff",
    b"\r",
    b'"',
    b"\t",
    b"{",
    b"'",
    b"\xef\xbb\xbf",
    b"\xff\xfe",
    b"\x80" * 9,
    b"9" * 40,
    b"\0" * 64,
]


def damaged(random: Random, content: bytes) -> bytes:
    """Return the bytes with one to four faults."""
    for _ in range(random.choice([1, 1, 1, 2, 4])):
        content = random.choice(_FAULTS)(random, content)
    return content


def _flip(random: Random, content: bytes) -> bytes:
    if not content:
        return b"\x01"
    at = random.randrange(len(content))
    return content[:at] + bytes([content[at] ^ 1 << random.randrange(8)]) + content[at + 1 :]


def _cut(random: Random, content: bytes) -> bytes:
    return content[: random.randrange(len(content) + 1)]


def _remove(random: Random, content: bytes) -> bytes:
    start, stop = _part(random, content)
    return content[:start] + content[stop:]


def _repeat(random: Random, content: bytes) -> bytes:
    start, stop = _part(random, content)
    return content[:stop] + content[start:stop] * random.choice([1, 2, 30]) + content[stop:]


def _insert(random: Random, content: bytes) -> bytes:
    at = random.randrange(len(content) + 1)
    return content[:at] + random.choice(BYTES) + content[at:]


def _number(random: Random, content: bytes) -> bytes:
    """Overwrite what may be a length, a count or an offset."""
    size = random.choice([1, 2, 4, 8])
    value = random.choice(
        [
            0,
            1,
            2 ** (8 * size - 1) - 1,
            2 ** (8 * size - 1),
            2 ** (8 * size) - 1,
            random.getrandbits(8 * size),
        ]
    )
    at = random.randrange(max(1, len(content) - size))
    return content[:at] + value.to_bytes(size, random.choice(["little", "big"])) + content[at + size :]


def _near(random: Random, content: bytes) -> bytes:
    """The head says what the rest is: it gets its own share of faults."""
    head = random.choice([32, 128])
    return random.choice([_flip, _number, _insert])(random, content[:head]) + content[head:]


def _part(random: Random, content: bytes) -> tuple[int, int]:
    start = random.randrange(len(content) + 1)
    return start, min(len(content), start + random.choice([1, 4, 64, 4096]))


_FAULTS: list[Callable[[Random, bytes], bytes]] = [
    _flip,
    _flip,
    _cut,
    _remove,
    _repeat,
    _insert,
    _number,
    _number,
    _near,
]


def rewritten(random: Random, value: Any) -> Any:
    """Return the value, of plain dicts and lists, with another value somewhere in it."""
    value = copy.deepcopy(value)
    places = list(_places(value))
    for _ in range(random.choice([1, 1, 2])):
        parent, key = random.choice(places)
        _put(random, parent, key)
    return value


def other(random: Random, value: Any) -> Any:
    """Return something else in the place of one value: mostly of its own kind."""
    kind = random.random()
    if kind < 0.5 and isinstance(value, int | float):
        return random.choice([*NUMBERS, *SPECIAL])
    if kind < 0.5 and isinstance(value, str):
        return random.choice([*TEXTS, value * 2, value[:-1], value.upper()])
    return random.choice([*NUMBERS, *SPECIAL, *TEXTS, *OTHERS])


def _places(value: Any) -> Any:
    """Yield (container, key) of every value below."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, below in items:
        yield value, key
        yield from _places(below)


def _put(random: Random, parent: Any, key: Any) -> None:
    if (isinstance(parent, list) and key >= len(parent)) or (isinstance(parent, dict) and key not in parent):
        return
    kind = random.random()
    if kind < 0.1:
        del parent[key]
    elif kind < 0.2 and isinstance(parent, dict):
        parent[random.choice(TEXTS)] = parent.pop(key)
    elif kind < 0.3 and isinstance(parent, list):
        parent.append(copy.deepcopy(parent[key]))
    else:
        parent[key] = other(random, parent[key])


def damaged_json(random: Random, content: bytes) -> bytes:
    """Damage the text, or a value in it."""
    if random.random() < 0.3:
        return damaged(random, content)
    return json.dumps(rewritten(random, json.loads(content)), ensure_ascii=random.random() < 0.5).encode(
        "utf-8", "surrogatepass"
    )
