"""Forbids constructs and flags that would make results differ between machines, or headers leak."""

import re

import tree

CODE = ("comm", "compress", "data", "nn", "sim", "bench", "tests")
RESULTS = ("comm", "compress", "data", "nn")
BUILD = ("CMakeLists.txt", ".cmake", "CMakePresets.json")

# (where: suffixes and folders, what, why)
RULES = (
    (tree.CPP, CODE, r"\busing\s+namespace\s+std\b", "names are qualified"),
    # In libstdc++ 12 as clang 14 sees it, which builds fuzz and tsan.
    (tree.CPP, CODE, r"\b(std|ranges)::views\b", "clang 14 does not compile views; a loop, or an algorithm of std::ranges"),
    ((".hpp",), CODE, r"^\s*#\s*define\b", "no macros in headers"),
    # The inputs of a benchmark need only look real.
    (
        tree.CPP,
        RESULTS + ("sim", "tests"),
        r"\bstd::(\w+_distribution|random_device|default_random_engine)\b",
        "differs between standard libraries; draw from Philox",
    ),
    (
        tree.CPP,
        RESULTS + ("sim",),
        r"\bstd::(shuffle|sample)\b",
        "differs between standard libraries; draw from Philox",
    ),
    (
        tree.CPP,
        RESULTS + ("sim",),
        r"\b(s?rand|rand_r|drand48)\s*\(|\bmt19937",
        "has a state to lose; draw from Philox",
    ),
    # sqrt is rounded correctly everywhere; the others are not. Reports in sim may use them.
    (
        tree.CPP,
        RESULTS,
        r"\bstd::(exp2?|expm1|log(2|10|1p)?|pow|cbrt|hypot|(a?(sin|cos|tan)|atan2)h?|[lt]gamma|erfc?)f?\s*\(",
        "differs between C libraries; of libm only sqrt may reach a result",
    ),
    (BUILD, None, r"-ffast-math|-Ofast", "results would differ between compilers"),
    (BUILD, None, r"-march=native|-mtune=native", "kernels dispatch at run time"),
    (BUILD, None, r"-ffp-contract=(fast|on)", "results would differ between processors"),
)

# Vectors that may lie at any address of their elements. (clang takes it that what a reference refers to has the
# vector's own alignment, and such code ends with a fault; a pointer is not taken so.)
PACKED = re.compile(r"\busing\s+(\w+)\s+__attribute__\(\(vector_size\b.*\baligned\(")
INCLUDE = re.compile(r'^#include "([^"]+)"', re.MULTILINE)


def references_to_packed_vectors(root):
    texts = {str(path): tree.code(tree.read(root, path)) for path in tree.files(root, tree.CPP)}
    packed = {path: set(PACKED.findall(text)) for path, text in texts.items()}
    for path, text in texts.items():
        names = packed[path].union(*(packed.get(header, ()) for header in INCLUDE.findall(tree.read(root, path))))
        for number, line in tree.lines(text):
            if any(re.search(rf"\b{name}\s*&(?!&)", line) for name in names):
                yield f"{path}:{number}: a reference to a vector of less alignment: a pointer"


def check(root):
    findings = list(references_to_packed_vectors(root))
    for path in tree.files(root, tree.CPP + BUILD):
        text = tree.read(root, path)
        if path.suffix in tree.CPP:
            text = tree.code(text)
            if path.suffix == ".hpp" and "#pragma once" not in text:
                findings.append(f"{path}:1: no #pragma once")
        for suffixes, folders, what, why in RULES:
            if not path.name.endswith(suffixes) or folders and path.parts[0] not in folders:
                continue
            for number, line in tree.lines(text):
                match = re.search(what, line)
                if match:
                    findings.append(f"{path}:{number}: {match[0].strip()}: {why}")
    return findings


if __name__ == "__main__":
    tree.main(check)
