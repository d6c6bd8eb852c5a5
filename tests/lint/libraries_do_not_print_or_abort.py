"""Libraries throw: they never print, exit or abort. Only sim/main.cpp, tests and benchmarks may."""

import re

import tree

LIBRARIES = ("comm", "compress", "data", "nn", "sim")
PROGRAM = "sim/main.cpp"

# Matched on code with empty strings. Writing to an std::ostream& that was passed in is fine, and so
# is a member function called exit().
FORBIDDEN = re.compile(
    r"\b(cout|cerr|clog|stdout|stderr|println)\b"
    r"|(?<!\.)(?<!->)\b(printf|puts|putchar|perror|exit|_exit|_Exit|quick_exit|abort|terminate)\s*\("
    r'|\bfmt::print\s*\(\s*"'
    r"|\bassert\s*\(\s*(false|0)\b"
)


def check(root):
    findings = []
    for path in tree.files(root, tree.CPP):
        if path.parts[0] not in LIBRARIES or path.as_posix() == PROGRAM:
            continue
        for number, line in tree.lines(tree.code(tree.read(root, path))):
            match = FORBIDDEN.search(line)
            if match:
                findings.append(f"{path}:{number}: {match[0].strip()} in a library")
    return findings


if __name__ == "__main__":
    tree.main(check)
