"""Replace every CPUID instruction of a shared library by one that traps."""

import os
import re
import shutil
import struct
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import IO, cast

from inc_mlflow import progress
from inc_mlflow.errors import HardwareError

CPUID, TRAP = b"\x0f\xa2", b"\xcc\x90"  # int3; nop: as long as what it replaces
_CHUNK = 1 << 20
_LINE = re.compile(rb"^\s*([0-9a-f]+):\tcpuid\s*$", re.MULTILINE)
_LOAD = 1


def patched(library: Path) -> bytes:
    """Return the bytes of an x86-64 library with every CPUID replaced.

    This takes some seconds: the whole library is disassembled, since the two bytes may also be part of other
    instructions. Raises HardwareError where there is no CPUID, or its place in the file is not found.
    """
    code = bytearray(library.read_bytes())
    segments = load_segments(code)
    places = [file_offset(segments, address) for address in cpuid_addresses(_disassembly(library))]
    if not places:
        raise HardwareError(
            f"{library}: holds no CPUID instruction; emulation is not possible with this onnxruntime"
        )
    for place in places:
        if place is None or code[place : place + 2] != CPUID:
            raise HardwareError(
                f"{library}: its disassembly does not fit its bytes; emulation is not possible with it"
            )
        code[place : place + 2] = TRAP
    return bytes(code)


def load_segments(code: bytes | bytearray) -> list[tuple[int, int, int]]:
    """Return (address, offset in the file, bytes in the file) of each segment that an ELF file loads.

    Raises HardwareError where the file is not a 64-bit little-endian ELF file.
    """
    if code[:6] != b"\x7fELF\x02\x01":
        raise HardwareError(
            "onnxruntime: its library is not a 64-bit ELF file; emulation is not possible with it"
        )
    (table,) = struct.unpack_from("<Q", code, 32)
    size, count = struct.unpack_from("<HH", code, 54)
    headers = [struct.unpack_from("<IIQQQQ", code, table + number * size) for number in range(count)]
    return [(address, offset, length) for kind, _, offset, address, _, length in headers if kind == _LOAD]


def file_offset(segments: list[tuple[int, int, int]], address: int) -> int | None:
    """Return the offset of an address in the file; None where no segment holds it."""
    offsets = (
        offset + address - start for start, offset, length in segments if start <= address < start + length
    )
    return next(offsets, None)


def cpuid_addresses(disassembly: Iterator[bytes]) -> list[int]:
    """Return the addresses of CPUID instructions in objdump's text, which arrives in pieces of any size."""
    addresses, rest = [], b""
    for chunk in disassembly:
        lines, newline, rest = (rest + chunk).rpartition(b"\n")
        if b"\tcpuid" in lines:  # a quick test: most of half a gigabyte of text has none
            addresses += [int(match[1], 16) for match in _LINE.finditer(lines + newline)]
    return addresses + [int(match[1], 16) for match in _LINE.finditer(rest)]


def _disassembly(library: Path) -> Iterator[bytes]:
    command = [shutil.which("objdump") or "objdump", "--disassemble", "--no-show-raw-insn", str(library)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=os.environ | {"LC_ALL": "C"}) as objdump:
        text = cast(IO[bytes], objdump.stdout)
        yield from progress.track(iter(lambda: text.read(_CHUNK), b""), "prepare the emulation", None)
    if objdump.returncode:
        raise HardwareError(
            f"{library}: objdump cannot read it; emulation is not possible with this onnxruntime"
        )
