"""Everything to which the tree's pages and comments refer exists.

In every .md file these are checked: each relative link and image, and the #anchor of a link to a page; each path in
backticks that begins with a folder of the tree or of the page's own folder (`sim/round/worker.cpp`, `golden/`,
`comm/*.bin`); each source in backticks by its name alone (`worker.cpp`); each test (`Law.*`). Blocks in
``` are skipped. In every source: each page that it names (comm/README.md).
"""

import fnmatch
import re
import urllib.parse

import tree

SOURCES = (".hpp", ".cpp", ".cu", ".cuh", ".py", ".sh")
PRODUCTS = ("build", "runs")

_LINK = re.compile(r"!?\[(?:[^\[\]]|\[[^\[\]]*\])*\]\(([^()\s]+)\)|<(?:img|a)\b[^>]*?\b(?:src|href)=\"([^\"]+)\"")
_CODE = re.compile(r"`([^`]+)`")
_PATH = re.compile(r"[\w.-]+(/[\w.*-]+)*(/|/[\w*-]+\.[\w.*-]+)")
_TEST = re.compile(r"[A-Z]\w*\.(?=[A-Z*])[\w*]+")
_TEST_OF_A_SOURCE = re.compile(r"\bTEST(?:_[FP])?\(\s*(\w+),\s*(\w+)\)")
_PAGE = re.compile(r"(?<![\w./-])(?:[\w-]+/)+[\w.-]+\.md\b")


def prose(text):
    """(number, line) of the lines outside ``` blocks. A line that ends inside brackets or backticks is
    joined with the next one."""
    inside, joined, start = False, "", 0
    for number, line in tree.lines(text):
        if line.lstrip().startswith("```"):
            inside = not inside
            line = ""
        if inside:
            continue
        start = start if joined else number
        joined += (" " if joined else "") + line.strip()
        if line.strip() and (joined.count("[") != joined.count("]") or joined.count("`") % 2):
            continue
        yield start, joined
        joined = ""


def anchors(text):
    """The #anchors of a page, as GitHub makes them of its headings."""
    seen = {}
    for _, line in prose(text):
        if heading := re.fullmatch(r"#+ +(.*)", line):
            words = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading[1])
            slug = re.sub(r"[^\w\- ]", "", words.lower()).replace(" ", "-")
            seen[slug] = seen.get(slug, -1) + 1
            yield f"{slug}-{seen[slug]}" if seen[slug] else slug


def objection_to_link(root, page, target):
    if re.match(r"[a-z]+:", target):
        return None
    path, _, anchor = urllib.parse.unquote(target).partition("#")
    file = (root / page.parent / path).resolve() if path else root / page
    if not file.is_relative_to(root):
        return f"{target} leads out of the tree"
    if not file.exists():
        return f"{target}: no such file"
    if anchor and file.suffix == ".md" and anchor not in anchors(tree.read(root, file.relative_to(root))):
        return f"{target}: no such heading"
    return None


def objection_to_code(root, page, words, names, tests):
    if _TEST.fullmatch(words):
        return None if fnmatch.filter(tests, words) else f"`{words}`: no such test"
    if words.endswith(SOURCES) and re.fullmatch(r"[\w.-]+", words):
        return None if words in names else f"`{words}`: no file of that name"
    if not _PATH.fullmatch(words) or words.split("/")[0] in PRODUCTS:
        return None
    bases = [base for base in (root, root / page.parent) if (base / words.split("/")[0]).is_dir()]
    if bases and not any(next(base.glob(words.rstrip("/")), None) for base in bases):
        return f"`{words}`: no such path"
    return None


def check(root):
    findings = []
    names = {path.name for path in tree.files(root, SOURCES)}
    tests = {
        ".".join(test)
        for path in tree.files(root / "tests", tree.CPP)
        for test in _TEST_OF_A_SOURCE.findall(tree.read(root / "tests", path))
    }
    for page in tree.files(root, (".md",)):
        for number, line in prose(tree.read(root, page)):
            codes = _CODE.findall(line)
            wrong = [objection_to_code(root, page, words, names, tests) for words in codes]
            links = _LINK.findall(_CODE.sub(lambda m: "_" * len(m[0]), line))
            wrong += [objection_to_link(root, page, a or b) for a, b in links]
            findings += [f"{page}:{number}: {what}" for what in wrong if what]
    for path in tree.files(root, tree.CPP):
        for number, line in tree.lines(tree.read(root, path)):
            for named in _PAGE.findall(line):
                if not (root / named).exists() and not (root / path.parent / named).exists():
                    findings.append(f"{path}:{number}: {named}: no such page")
    return findings


if __name__ == "__main__":
    tree.main(check)
