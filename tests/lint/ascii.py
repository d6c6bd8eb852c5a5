"""Sources and scripts are ASCII, so that what is compared and searched is what is seen."""

import pathlib

import tree

SUFFIXES = tree.CPP + (".cmake", ".in", ".json", ".py", ".sh", ".toml", "CMakeLists.txt")
SCRIPTS = ("dev", ".ci/run", ".clang-format", ".clang-tidy", ".gitignore")


def check(root):
    scripts = [pathlib.Path(name) for name in SCRIPTS if (root / name).exists()]
    findings = []
    for path in tree.files(root, SUFFIXES) + scripts:
        for number, line in enumerate((root / path).read_bytes().split(b"\n"), start=1):
            odd = [byte for byte in line if byte != 9 and not 32 <= byte < 127]
            if odd:
                findings.append(f"{path}:{number}: byte {odd[0]:#04x} is not ASCII text")
    return findings


if __name__ == "__main__":
    tree.main(check)
