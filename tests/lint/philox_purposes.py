"""Random numbers for two purposes are never the same: the purposes in Philox's keys are distinct.

A purpose is the second word of a key: a constant of 64 bits, kName = 0x..., whose high half spells
four letters. A room has its own letters, so its purposes can be numbered without looking at other
rooms. A file that draws from Philox has a purpose, in itself or in its header.
"""

import re

import tree

# Tests and benchmarks draw numbers that no run sees.
OUTSIDE = ("tests", "bench")

# A definition that draws another room's numbers again, for comparison.
DEFINITIONS = ("sim/round/defined_ties.cpp",)

PURPOSE = re.compile(r"\b(k\w+)\s*=\s*0x([0-9a-fA-F']{16,})\b")
PHILOX = re.compile(r"\s*#\s*include\s*<Random123/philox\.h>")


def purposes(text):
    """(line number, name, letters, value) of each constant that is one."""
    for number, line in tree.lines(tree.code(text)):
        for name, digits in PURPOSE.findall(line):
            digits = digits.replace("'", "")
            letters = bytes.fromhex(digits)[:4] if len(digits) == 16 else b""
            if re.fullmatch(rb"[a-z.]{4}", letters):
                yield number, name, letters.decode(), int(digits, 16)


def check(root):
    findings = []
    owners, names, drawing, keyed = {}, {}, {}, set()
    for path in tree.files(root, tree.CPP):
        if path.parts[0] in OUTSIDE:
            continue
        text = tree.read(root, path)
        for number, line in tree.lines(tree.without_comments(text)):
            if PHILOX.match(line):
                drawing[path] = number
        for number, name, letters, value in purposes(text):
            keyed.add(path.with_suffix(""))
            if path.as_posix() in DEFINITIONS:
                continue
            here = f"{path}:{number}"
            owner = owners.setdefault(letters, path.parent)
            if owner != path.parent:
                findings.append(f"{here}: {name} has the letters \"{letters}\" of {owner}")
            elif value in names:
                findings.append(f"{here}: {name} is {names[value]} once more")
            names.setdefault(value, name)
    for path, number in drawing.items():
        if path.with_suffix("") not in keyed:
            findings.append(f"{path}:{number}: draws from Philox for no purpose, a 64-bit constant of four letters")
    return findings


if __name__ == "__main__":
    tree.main(check)
