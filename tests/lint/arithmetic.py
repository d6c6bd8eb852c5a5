"""Each source computes by IEEE 754, also if whoever builds it asks for -ffast-math.

python3 tests/lint/arithmetic.py [ROOT [BUILD]]; BUILD has a compile_commands.json.

What is in CXXFLAGS comes before the project's own flags, which must take it back: with it sums have another order,
nothing is NaN, and a product that is fused with a sum is not rounded.
"""

import subprocess

import tree

FAST = ("__FAST_MATH__", "__FINITE_MATH_ONLY__ 1", "__ASSOCIATIVE_MATH__", "__RECIPROCAL_MATH__")


def faults(compiler, flags):
    """What such a compilation says of its arithmetic that IEEE 754 does not allow."""
    words = [compiler, "-ffast-math", "-ffp-contract=fast", *flags, "-dM", "-E", "-x", "c++", "/dev/null"]
    macros = subprocess.run(words, capture_output=True, text=True, check=True).stdout
    contraction = [flag for flag in words if flag.startswith("-ffp-contract=")][-1]
    found = [f"#define {macro}" for macro in FAST if f"#define {macro}" in macros]
    return found + ([contraction] if contraction != "-ffp-contract=off" else [])


def check(root, build):
    findings, known = [], {}
    for source, words, _ in tree.commands(root, build):
        if source.suffix != ".cpp":
            continue
        compiler = next(i for i, word in enumerate(words) if word.startswith("-")) - 1  # a cache may stand before it
        flags = tuple(word for word in words[compiler + 1:] if word.startswith(("-f", "-m", "-O", "-std")))
        if flags not in known:
            known[flags] = faults(words[compiler], flags)
        findings += [f"{source}:1: with -ffast-math: {fault}" for fault in known[flags]]
    return findings


if __name__ == "__main__":
    tree.main(check, "build/dev")
