"""A header is read whole and a source in one sitting: no header over 200 lines, no source over 600."""

import tree

MOST_LINES = {".hpp": 200, ".cpp": 600, ".cu": 600, ".cuh": 200}


def check(root):
    findings = []
    for path in tree.files(root, tree.CPP):
        count = tree.read(root, path).count("\n")
        most = MOST_LINES[path.suffix]
        if count > most:
            findings.append(f"{path}:{most + 1}: {count} lines, at most {most}")
    return findings


if __name__ == "__main__":
    tree.main(check)
