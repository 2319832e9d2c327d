#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""House rules for C sources: sizes, include direction, banned calls. Prints each breach; exit 1."""

import re
import sys

FILE_LINES_MAX = 500
FUNCTION_LINES_MAX = 70
BANNED = re.compile(r"\b(strcpy|strcat|sprintf|vsprintf|gets|strtok|alloca|atoi|atol|system)\s*\(")
# Who may include whom: a room knows lib and itself; tools, bench and tests may know all.
ROOMS = {
    "lib": {"lib"},
    "edge": {"lib", "edge"},
    "presigner": {"lib", "presigner"},
    "issuer": {"lib", "issuer"},
    "bpf": {"lib", "bpf"},
    "issuer": {"lib", "issuer"},
}
# What becomes a part of a program in the kernel is under the kernel's licence as well.
IN_KERNEL = re.compile(r"^(bpf/(filter\.h|.*\.bpf\.[ch])|bench/shed_cost/(plan\.h|.*\.bpf\.c))$")
LIB_FORBIDDEN = re.compile(r'#include <(sys/socket|pthread|netinet/.*|syslog)\.h>')
INCLUDE = re.compile(r'#include "([a-z]+)/')


def functions(lines):
    """Yields (name line number, length) of function definitions: a body that opens at column 0."""
    start = None
    for number, line in enumerate(lines, 1):
        if line == "{":
            start = number
        elif line == "}" and start is not None:
            yield start, number - start + 1
            start = None


def check(path):
    with open(path, encoding="utf-8") as file:
        text = file.read()
    lines = text.split("\n")
    room = path.split("/")[0]
    licence = "Apache-2.0 OR GPL-2.0-only" if IN_KERNEL.search(path) else "Apache-2.0"
    if not text.startswith(f"/* SPDX-License-Identifier: {licence} */"):
        yield 1, "no SPDX line"
    if len(lines) - 1 > FILE_LINES_MAX:
        yield len(lines), f"{len(lines) - 1} lines, at most {FILE_LINES_MAX}"
    if path.endswith(".h") and "#pragma once" not in text:
        yield 1, "no #pragma once"
    for number, length in functions(lines):
        if length > FUNCTION_LINES_MAX:
            yield number, f"a function of {length} lines, at most {FUNCTION_LINES_MAX}"
    for number, line in enumerate(lines, 1):
        # Tests may call other programs by the shell; products do not.
        if (match := BANNED.search(line)) and not (match[1] == "system" and room == "tests"):
            yield number, "banned call: " + line.strip()
        if re.search(r"\b(TODO|FIXME|XXX)\b", line):
            yield number, "a promise left in the code"
        match = INCLUDE.match(line)
        if match and room in ROOMS and match[1] not in ROOMS[room]:
            yield number, f"{room} may not include {match[1]}"
        if path.startswith("lib/") and not path.startswith("lib/os/"):
            if LIB_FORBIDDEN.match(line) or line.startswith('#include "lib/os/'):
                yield number, "lib/ is pure: " + line


def main():
    breaches = 0
    for path in sys.argv[1:]:
        for number, what in check(path):
            print(f"{path}:{number}: {what}")
            breaches += 1
    return 1 if breaches else 0


sys.exit(main())
