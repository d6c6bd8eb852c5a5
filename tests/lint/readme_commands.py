"""The commands that READMEs and --help show exist: subcommands, options, presets and settings.

python3 tests/lint/readme_commands.py [ROOT [MVSGD]]; MVSGD is the program. Nothing is trained: each
`build/release/mvsgd` and `./dev` line of a ```sh block is checked against --help and the presets.
"""

import re
import shlex
import subprocess

import tree

PROGRAM = "build/release/mvsgd"


def commands(readme):
    """(line number, words) of each command of the ```sh blocks, continued lines joined."""
    inside, begun, start = False, "", 0
    for number, line in tree.lines(readme):
        if line.startswith("```"):
            inside = line.strip() == "```sh"
        elif inside:
            start = start if begun else number
            begun += line.removesuffix("\\")
            if not line.endswith("\\"):
                for command in begun.split(" && "):
                    words = shlex.split(command, comments=True)
                    while words and re.fullmatch(r"[A-Z_0-9]+=.*", words[0]):
                        words.pop(0)  # the environment
                    if words:
                        yield start, words
                begun = ""


def output(*command):
    result = subprocess.run(command, capture_output=True, text=True)
    return result.stdout if result.returncode == 0 else None


def objections(words, mvsgd, presets):
    """The faults of `mvsgd WORDS...`."""
    subcommand, rest = (words + [""])[0], words[1:]
    if subcommand.startswith("-"):
        return [] if subcommand in ("--help", "--version") else [f"no option {subcommand}"]
    text = output(mvsgd, subcommand, "--help") if subcommand else None
    if text is None:
        return [f"no command '{subcommand}'"]
    if rest and rest[0] in subcommands(text):
        text = output(mvsgd, subcommand, rest[0], "--help")
    options = set(re.findall(r"(?<![\w-])--[\w-]+", text))
    wrong = []
    for word, value in zip(rest, rest[1:] + [""]):
        option, _, attached = word.partition("=")
        value = attached or value
        if not option.startswith("--"):
            continue
        if option not in options:
            wrong.append(f"{subcommand} has no option {option}")
        elif option == "--set" and "--" + value.split("=")[0] not in options:
            wrong.append(f"there is no setting {value.split('=')[0]}")
        elif option == "--preset" and value not in presets:
            wrong.append(f"there is no preset {value}")
    return wrong


def subcommands(text):
    """The subcommands that a --help lists."""
    listed = text.partition("Subcommands:")[2].partition("Examples:")[0]
    return re.findall(r"^  (\w+) ", listed, re.MULTILINE)


def helps(mvsgd, *command):
    """(command, --help) of the program and of all its commands."""
    text = output(mvsgd, *command, "--help") or ""
    yield list(command), text
    for name in subcommands(text):
        yield from helps(mvsgd, *command, name)


def objections_to_help(command, text, mvsgd, presets):
    """The faults of a --help's examples; each command has its own --help."""
    examples = [
        shlex.split(re.split("[|>]", line)[0])
        for line in re.findall(r"^  mvsgd (.*)", text, re.MULTILINE)
    ]
    if not any(words[: len(command)] == command for words in examples):
        yield "no example of it"
    for words in examples:
        yield from objections(words, mvsgd, presets)


def check(root, mvsgd):
    dev = set(re.findall(r"^  (\w+)", output(root / "dev", "--help") or "", re.MULTILINE))
    presets = {line.split()[0] for line in (output(mvsgd, "presets") or "").splitlines() if line}
    findings, seen = [], set()
    for page in tree.files(root, (".md",)):
        for number, words in commands(tree.read(root, page)):
            wrong = []
            if words[0] == "./dev" and words[1:] and words[1] not in dev:
                wrong = [f"./dev has no command {words[1]}"]
            elif words[0] == PROGRAM:
                wrong = objections(words[1:], mvsgd, presets)
            if words[0] in ("./dev", PROGRAM):
                seen.add(str(page))
            findings += [f"{page}:{number}: {what}" for what in wrong]
    for command, text in helps(mvsgd):
        name = " ".join(["mvsgd", *command, "--help"])
        findings += [f"{name}: {what}" for what in objections_to_help(command, text, mvsgd, presets)]
    return findings if "README.md" in seen else [f"README.md:1: no ```sh block with ./dev or {PROGRAM}"]


if __name__ == "__main__":
    tree.main(check, PROGRAM)
