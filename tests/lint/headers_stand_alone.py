"""Each header compiles by itself, with the flags of a source in its folder.

python3 tests/lint/headers_stand_alone.py [ROOT [BUILD]]; BUILD has a compile_commands.json.

A header whose source is part of BUILD needs no compiler here: the source includes it first
(includes.py), so the build has compiled it. Headers in a folder that BUILD leaves out, such as a
disabled backend, are skipped.
"""

import concurrent.futures
import os
import subprocess

import tree


def compiled(root, build):
    """The sources of BUILD, each with its compile command, without source and output, and its directory."""
    found = {}
    for source, words, directory in tree.commands(root, build):
        if source.suffix != ".cpp":
            continue
        for option in ("-o", "-c"):
            del words[words.index(option) : words.index(option) + 2]
        found[source] = (words, directory)
    return found


def compile_alone(header, flags, directory):
    """The compiler's first complaint about the header, or None."""
    result = subprocess.run(
        flags + ["-fsyntax-only", "-x", "c++", "-"],
        cwd=directory,
        input=f'#include "{header.as_posix()}"\n',
        capture_output=True,
        text=True,
    )
    if result.returncode == 0:
        return None
    errors = [line for line in result.stderr.splitlines() if "error:" in line]
    return f"{header}:1: does not compile alone: {(errors or [result.stderr])[0]}"


def check(root, build):
    sources = compiled(root, build)
    if not sources:
        return [f"{build}: compiles no source of {root}"]
    by_folder = {source.parent: command for source, command in sources.items()}
    headers = [
        header
        for header in tree.files(root, (".hpp",))
        if header.parent in by_folder and header.with_suffix(".cpp") not in sources
    ]
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        results = pool.map(lambda h: compile_alone(h, *by_folder[h.parent]), headers)
        return [finding for finding in results if finding]


if __name__ == "__main__":
    tree.main(check, "build/dev")
