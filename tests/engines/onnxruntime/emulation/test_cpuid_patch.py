"""Finding CPUID in a library: ELF segments and objdump's text."""

import platform
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inc_mlflow.engines.onnxruntime.emulation import needs, patch
from inc_mlflow.errors import HardwareError
from inc_mlflow.hardware.isa.profiles import PROFILES

TEXT = b"""
/lib/x.so:     file format elf64-x86-64

Disassembly of section .text:

0000000000001000 <cpuid_probe>:
    1000:\tpush   %rbx
    1001:\tcpuid
    1003:\tmov    $0xa20f,%eax
    1008:\tcall   1000 <cpuid_probe>
 100000d:\tcpuid
    100f:\tret"""


@given(st.lists(st.integers(1, 60), max_size=12))
def test_addresses_are_found_however_the_text_is_cut(sizes):
    pieces, rest = [], TEXT
    for size in sizes:
        pieces.append(rest[:size])
        rest = rest[size:]
    assert patch.cpuid_addresses(iter([*pieces, rest])) == [0x1001, 0x100000D]


def test_the_last_line_counts_without_a_newline():
    assert patch.cpuid_addresses(iter([b"  10:\tcpuid"])) == [0x10]


@pytest.mark.parametrize(
    ("address", "offset"), [(0x1000, 0x400), (0x10FF, 0x4FF), (0x1100, None), (0xFFF, None), (0x3000, 0x900)]
)
def test_an_address_is_placed_in_its_segment(address, offset):
    assert patch.file_offset([(0x1000, 0x400, 0x100), (0x3000, 0x900, 0x10)], address) == offset


def test_what_is_no_elf_file_is_refused():
    with pytest.raises(HardwareError, match="is not a 64-bit ELF file"):
        patch.load_segments(b"MZ" + bytes(64))


@pytest.mark.skipif(platform.system() != "Linux", reason="needs ELF files")
def test_segments_are_those_of_the_kernel():
    """The running interpreter's own first segment begins with its file."""
    segments = patch.load_segments(Path(sys.executable).resolve().read_bytes())
    assert segments
    assert min(offset for _, offset, _ in segments) == 0


SOURCE = """
int magic = 0x0000a20f;
unsigned max_leaf(void) {
    unsigned a = 0, b, c, d;
    __asm__ volatile("cpuid" : "+a"(a), "=b"(b), "=c"(c), "=d"(d));
    return a;
}
unsigned constant(void) { return 0xa20f0fa2u; }
"""


@pytest.mark.skipif(
    bool(needs.missing(PROFILES["x86-avx2"])), reason="needs x86-64 Linux, a C compiler, objdump, AVX2"
)
def test_only_the_instruction_is_replaced_and_not_its_bytes_elsewhere(tmp_path):
    (tmp_path / "x.c").write_text(SOURCE)
    library = tmp_path / "x.so"
    subprocess.run([needs.compiler(), "-O2", "-shared", "-fPIC", "-o", library, tmp_path / "x.c"], check=True)
    before, after = library.read_bytes(), patch.patched(library)
    changed = [place for place in range(len(before)) if before[place] != after[place]]
    assert len(before) == len(after)
    assert len(changed) == 2
    assert (before[changed[0] : changed[1] + 1], after[changed[0] : changed[1] + 1]) == (
        patch.CPUID,
        patch.TRAP,
    )
    assert after.count(patch.CPUID) == before.count(patch.CPUID) - 1 > 0


@pytest.mark.skipif(
    not shutil.which("objdump") or not needs.compiler(), reason="needs a C compiler and objdump"
)
def test_a_library_that_never_asks_is_refused(tmp_path):
    (tmp_path / "x.c").write_text("int x(void) { return 1; }")
    subprocess.run(
        [needs.compiler(), "-shared", "-fPIC", "-o", tmp_path / "x.so", tmp_path / "x.c"], check=True
    )
    with pytest.raises(HardwareError, match="holds no CPUID instruction"):
        patch.patched(tmp_path / "x.so")


def test_the_masks_hold_exactly_the_bits_of_the_features():
    """Against Intel's manual: leaf 7.0 EBX 16 is AVX512F, ECX 11 VNNI; leaf 7.1 EAX 4 is AVX-VNNI."""
    assert PROFILES["x86-vnni"].masks() == "7,0,0,0,0,3400000;7,1,200000,0,0,100;"
    avx512 = [
        [int(word, 16) for word in leaf.split(",")]
        for leaf in PROFILES["x86-avx512"].masks().split(";")
        if leaf
    ]
    avx2 = [
        [int(word, 16) for word in leaf.split(",")]
        for leaf in PROFILES["x86-avx2"].masks().split(";")
        if leaf
    ]
    assert avx512[0][4] == 1 << 11
    assert avx512[1][2] & 1 << 4
    assert avx2[0][3] & 1 << 16
    assert not avx2[0][3] & 1 << 5  # AVX2 itself
    assert all(
        low | high == high
        for one, other in zip(avx512, avx2, strict=True)
        for low, high in zip(one, other, strict=True)
    )
