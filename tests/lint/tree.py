"""The shared part of this folder's checks: the project's files, their code, and the output of
findings.

A check is a function from the tree's root to a list of findings ("path:line: what is wrong"). Each
can be run by hand, on this tree or another one: python3 tests/lint/sizes.py [ROOT]. Some take
another argument, which their first lines describe.
"""

import json
import pathlib
import re
import shlex
import sys

CPP = (".hpp", ".cpp", ".cu", ".cuh")

_COMMENT = r"//[^\n]*|/\*.*?\*/"
_RAW_STRING = r'R"([^()\\\s]*)\(.*?\)\1"'
_STRING = r'"(?:\\.|[^"\\\n])*"'
# A quote after a digit separates digits: 1'000.
_CHARACTER = r"(?<![0-9a-fA-F])'(?:\\.|[^'\\\n])+'"
_TOKEN = re.compile(f"{_RAW_STRING}|{_STRING}|{_CHARACTER}|(?P<comment>{_COMMENT})", re.DOTALL)


def files(root, suffixes):
    """The files of the tree, relative to root, without build products and hidden folders."""
    found = []
    for path in sorted(root.rglob("*")):
        path = path.relative_to(root)
        hidden = any(part.startswith(".") or part == "__pycache__" for part in path.parts[:-1])
        if path.parts[0] in ("build", "runs") or hidden:
            continue
        if path.name.endswith(suffixes) and (root / path).is_file():
            found.append(path)
    return found


def read(root, path):
    return (root / path).read_text(encoding="utf-8", errors="replace")


def without_comments(text):
    """The same lines with nothing where comments were."""
    return _TOKEN.sub(lambda m: _newlines(m) if m["comment"] else m[0], text)


def code(text):
    """The same lines with nothing where comments were and with empty strings and characters."""
    return _TOKEN.sub(lambda m: _newlines(m) if m["comment"] else m[0][-1] * 2 + _newlines(m), text)


def _newlines(match):
    return "\n" * match[0].count("\n")


def lines(text):
    """(number, line) from 1."""
    return enumerate(text.split("\n"), start=1)


def commands(root, build):
    """(source, the words of its compile command, the directory in which that runs) of the build's sources under root."""
    for entry in json.loads((build / "compile_commands.json").read_text()):
        source = pathlib.Path(entry["directory"], entry["file"]).resolve()
        if source.is_relative_to(root):
            yield source.relative_to(root), shlex.split(entry["command"]), entry["directory"]


def main(check, default=None):
    """Runs a check from the command line: prints its findings; exit 1 if there are any.

    A check with two parameters gets the second argument, by default the path `default` in the tree.
    """
    arguments = [pathlib.Path(argument).resolve() for argument in sys.argv[1:]]
    root = arguments[0] if arguments else pathlib.Path(__file__).resolve().parents[2]
    more = (arguments[1:] or [root / default]) if default else []
    # A check that looked at nothing has not passed.
    findings = check(root, *more) if files(root, CPP) else [f"{root}: no sources here"]
    print(*findings, sep="\n", end="\n" if findings else "")
    sys.exit(1 if findings else 0)
