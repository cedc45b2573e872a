#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Looks at the programs as they are shipped: what the compiler and the linker were to put in is there.

usage: check.py PROGRAM...
Reads the files with readelf, nm and objdump, so it tells what is in them and not what the Makefile meant.
"""

import os
import platform
import re
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(ROOT, "test", "lib"))
from harness import Suite, check, check_equal  # noqa: E402  pylint: disable=wrong-import-position

X86 = platform.machine() == "x86_64"
# A library that appears here is one more that must be patched when it has a hole: think before adding.
LIBRARIES = {
    "libmicrohttpd.so.12", "libcjson.so.1", "libcurl.so.4", "libyaml-0.so.2", "libcrypto.so.3", "libgnutls.so.30",
    "libm.so.6", "libc.so.6",
}
FLAGS = ["-fstack-protector-strong", "-fstack-clash-protection", "-fPIE", "-fno-strict-overflow"]
FLAGS += ["-fcf-protection=full"] if X86 else []


def run(*args):
    return subprocess.run(args, check=True, stdout=subprocess.PIPE, env={**os.environ, "LC_ALL": "C"}).stdout.decode()


def dynamic(program):
    """[(tag, value)] of the dynamic section."""
    return re.findall(r"^ 0x\S+ \((\w+)\)\s+(.*)$", run("readelf", "-dW", program), re.M)


def segments(program):
    """[(type, flags)], flags such as `R E`."""
    rows = re.findall(r"^  (\w+) +(?:0x\w+ +){5}([RWE ]{3}) 0x", run("readelf", "-lW", program), re.M)
    check(rows, "readelf shows no segments")
    return rows


def undefined(program):
    """Names that come from libraries."""
    return set(re.findall(r" U (\w+)", run("nm", "-D", program)))


def position_independent(program):
    check("DYN (" in run("readelf", "-hW", program), "the file is not of type DYN")
    check(any(tag == "FLAGS_1" and "PIE" in value for tag, value in dynamic(program)), "no flag PIE: a library, not a program")


def full_relro(program):
    check(any(kind == "GNU_RELRO" for kind, _ in segments(program)), "no segment GNU_RELRO")
    check(any(tag == "FLAGS" and "BIND_NOW" in value for tag, value in dynamic(program)), "no BIND_NOW: its table stays writable")


def stack_not_executable(program):
    flags = [flags for kind, flags in segments(program) if kind == "GNU_STACK"]
    check(flags, "no segment GNU_STACK: the kernel then makes the stack executable")
    check("E" not in flags[0], "the stack is executable")


def nothing_writable_and_executable(program):
    both = [kind for kind, flags in segments(program) if "W" in flags and "E" in flags]
    check(not both, f"segments that are both: {both}")


def no_text_relocations(program):
    check(not any("TEXTREL" in tag + value for tag, value in dynamic(program)), "code is patched when it is loaded")


def no_path_for_libraries(program):
    paths = [value for tag, value in dynamic(program) if tag in ("RPATH", "RUNPATH")]
    check(not paths, f"looks for libraries in {paths}")


def known_libraries(program):
    needed = {re.sub(r".*\[(.*)\]", r"\1", value) for tag, value in dynamic(program) if tag == "NEEDED"}
    check(needed, "needs no library at all")
    check(needed <= LIBRARIES, f"needs libraries that nobody expects: {sorted(needed - LIBRARIES)}")


def stack_protector(program):
    check("__stack_chk_fail" in undefined(program), "__stack_chk_fail is never called")


def fortified(program):
    names = undefined(program)
    for name in ("__memcpy_chk", "__snprintf_chk", "__vsnprintf_chk", "__vasprintf_chk"):
        check(name in names, f"{name} is never called")


def fortified_at_level_3(program):
    """The room of this copy is known only when it runs: level 2 leaves it unchecked."""
    body = run("objdump", "-d", "--no-show-raw-insn", "--disassemble=cs_xmemdupz", program)
    check("<cs_xmemdupz>:" in body, "the function cs_xmemdupz, by which this is seen, is not there")
    check("__memcpy_chk" in body, "cs_xmemdupz copies without a check: _FORTIFY_SOURCE is below 3")


def every_file_with_the_flags(program):
    producers = re.findall(r"DW_AT_producer.*: (GNU C.*)$", run("readelf", "--debug-dump=info", "--dwarf-depth=1", program), re.M)
    check(len(producers) > 20, f"only {len(producers)} files tell how they were compiled: no debug information, or not gcc")
    for producer in producers:
        missing = [flag for flag in FLAGS if flag not in producer.split()]
        check(not missing, f"a file was compiled without {missing}: {producer}")


def indirect_branches_land_marked(program):
    if X86:
        body = run("objdump", "-d", "--no-show-raw-insn", "--disassemble=main", program)
        check(re.search(r"<main>:\n\s+\w+:\s+endbr64", body), "main does not begin with endbr64")


def image_from_the_same_build(_program):
    """The Dockerfile takes what `make` builds by default."""
    with open(os.path.join(ROOT, "Dockerfile"), encoding="utf-8") as file:
        text = file.read()
    makes = re.findall(r"^RUN make (.*)$", text, re.M)
    check_equal(makes, ['-j"$(nproc)" all VERSION="$VERSION"'], "how the Dockerfile builds")
    check("build/release/cloneset-$program" in text, "the Dockerfile does not take build/release")


CHECKS = [
    position_independent, full_relro, stack_not_executable, nothing_writable_and_executable, no_text_relocations,
    no_path_for_libraries, known_libraries, stack_protector, fortified, fortified_at_level_3, every_file_with_the_flags,
    indirect_branches_land_marked,
]


def main():
    suite = Suite("hardening")
    for program in sys.argv[1:]:
        for function in CHECKS:
            suite.run(f"{os.path.basename(program)}: {function.__name__.replace('_', ' ')}", function, program)
    suite.run("image from the same build", image_from_the_same_build, None)
    return suite.finish()


if __name__ == "__main__":
    sys.exit(main())
