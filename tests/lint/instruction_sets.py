"""What is compiled for an instruction set of its own shares no function with what is not.

python3 tests/lint/instruction_sets.py [ROOT [BUILD]]; BUILD has a compile_commands.json, and has been built.

Of an inline function or a template that several objects have, the linker keeps one. If that is the one for AVX-512, a
program that never chooses AVX-512 runs its instructions all the same. So whatever of that kind is left in an object with
instructions of its own must be a template's instance for this instruction set: nm names Isa as an argument.
"""

import pathlib
import re
import subprocess

import tree

OWN_INSTRUCTIONS = re.compile(r"-m(avx|bmi|fma|amx|sse)")
SHARED = re.compile(r"[0-9a-f]+ W (.*)")  # nm's letter for a function that other objects may have, too
OF_ONE_SET = re.compile(r"::Isa\)[1-9]")  # Isa::portable, 0, is compiled without such flags


def check(root, build):
    findings = []
    for source, words, directory in tree.commands(root, build):
        if not any(OWN_INSTRUCTIONS.match(word) for word in words):
            continue
        made = pathlib.Path(directory, words[words.index("-o") + 1])
        listed = subprocess.run(["nm", "-C", "--defined-only", made], capture_output=True, text=True)
        if listed.returncode != 0:
            findings.append(f"{source}:1: {listed.stderr.strip()}")
        found = SHARED.findall(listed.stdout)
        findings += [f"{source}:1: {name} may be another object's, too" for name in found if not OF_ONE_SET.search(name)]
    return findings


if __name__ == "__main__":
    tree.main(check, "build/dev")
