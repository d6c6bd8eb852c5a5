"""Includes only point down the tree, and each library's headers are included only in its folder."""

import re

import tree

# The folders of this project that each folder may include, itself aside.
BELOW = {
    "comm": set(),
    "compress": {"comm"},
    "data": set(),
    "nn": set(),
    "sim": {"comm", "compress", "data", "nn"},
    "bench": {"comm", "compress", "data", "nn", "sim"},
    "tests": {"comm", "compress", "data", "nn", "sim"},
}

# The rooms of a folder, from the ground up. A room may include itself and the rooms below it, but
# no other room of its floor. A file beside the rooms may include them all.
ROOMS = {
    "compress": (("select", "coder"), ("vote", "positions", "values"), ("device",), ("cuda",)),
    "sim": (
        ("text",),
        ("files",),
        ("plan",),
        ("law",),
        ("round",),
        ("train",),
        ("run",),
        ("verify", "report"),
        ("reproduce",),
        ("cli",),
    ),
}

# Backends, transports and operators of devices implement an interface of the folder above them; only
# these folders, and they themselves, may know them. Each folder in nn/ is a backend.
PLUGINS = ("comm/inproc", "comm/mpi", "compress/cuda")
PLUGIN_USERS = {"sim", "tests", "bench"}

# A plug-in may also include another plug-in on which it is built, and that plug-in's folder.
PLUGIN_KNOWS = {"compress/cuda": ("nn/cuda",)}

# The law of the ledger is written from the paper's equations and comm/README.md alone, so it may
# include no codec.
LAW_HEADERS = tuple(f"sim/law/{name}.hpp" for name in ("law", "layer_law", "position_lengths", "value_lengths"))
LAW = LAW_HEADERS + tuple(header.replace(".hpp", ".cpp") for header in LAW_HEADERS)
LAW_MAY_INCLUDE = (*LAW_HEADERS, "comm/bits.hpp")

# Where third-party headers may be included.
OUTSIDE = (
    (r"(oneapi/dnnl/)?dnnl", ("nn/onednn", "tests/nn/onednn")),
    (
        r"(cuda|cudnn|cublas|vector_types)",
        ("nn/cuda", "compress/cuda", "tests/cuda_emulation", "tests/nn/cuda", "tests/compress/cuda"),
    ),
    (r"mpi\.h", ("comm/mpi", "tests/comm/mpi", "bench/mpi")),
    (r"omp\.h", ("nn", "sim", "tests", "bench")),
    (r"CLI/", ("sim/cli",)),
    (r"toml\+\+/", ("sim/plan/settings_file.cpp", "sim/report/network.cpp")),
    (r"boost/", ("sim/report",)),
    (r"(curl|openssl)/", ("data",)),
    (r"(fmt|nlohmann)/", ("data", "sim", "tests", "bench")),
    (r"archive(_entry)?\.h", ("data", "tests")),
    (r"(gtest|gmock)", ("tests",)),
    (r"benchmark", ("bench",)),
)

INCLUDE = re.compile(r'\s*#\s*include\s*([<"])([^>"]+)[>"]')


def inside(path, places):
    """Whether a path is one of these files, or in one of these folders."""
    return any(path == place or path.startswith(place + "/") for place in places)


def plugin(path):
    """The plug-in that has this path, or None."""
    folder, *rest = path.split("/")
    if folder == "nn" and len(rest) > 1:
        return f"nn/{rest[0]}"
    return next((name for name in PLUGINS if inside(path, [name])), None)


def floor(path):
    """The folder, the room and the floor of a path; None for both where the folder has no rooms."""
    folder, *rest = path.split("/")
    rooms = ROOMS.get(folder)
    if rooms is None:
        return None
    if len(rest) == 1:
        return folder, None, len(rooms)
    for number, names in enumerate(rooms):
        if rest[0] in names:
            return folder, rest[0], number
    return None


def against_the_rooms(path, included):
    """Why the room of `path` may not know the room of `included`, or None."""
    own, other = floor(path), floor(included)
    if own is None or other is None or own[0] != other[0] or own[1] == other[1]:
        return None
    if own[2] > other[2]:
        return None
    return f'"{included}": {own[0]}/{own[1] or ""} may not know {other[0]}/{other[1] or ""}'


def objection(path, quote, included):
    """Why the file `path` may not include `included`, or None."""
    if quote == "<":
        for pattern, folders in OUTSIDE:
            if re.match(pattern, included) and not inside(path, folders):
                return f"<{included}> belongs to {', '.join(folders)}"
        return None
    source, target = path.split("/")[0], included.split("/")[0]
    if target not in BELOW:
        return f'"{included}" is not a path from the root of the tree'
    own, other = plugin(path), plugin(included)
    stands_on = PLUGIN_KNOWS.get(own, ())
    if source != target and target not in BELOW[source] and target not in {p.split("/")[0] for p in stands_on}:
        return f'"{included}": {source} may not know {target}'
    if other not in (None, own, *stands_on) and source not in PLUGIN_USERS:
        return f'"{included}": only {", ".join(sorted(PLUGIN_USERS))} may know {other}'
    if why := against_the_rooms(path, included):
        return why
    if path in LAW and included not in LAW_MAY_INCLUDE:
        return f'"{included}": the law may include nothing but {", ".join(LAW_MAY_INCLUDE)}'
    return None


def check(root):
    findings = []
    for path in tree.files(root, tree.CPP):
        if path.parts[0] not in BELOW:
            findings.append(f"{path}: no folder for sources")
            continue
        if path.parts[0] in ROOMS and floor(path.as_posix()) is None:
            findings.append(f"{path}: no room of {path.parts[0]}")
            continue
        first = None
        for number, line in tree.lines(tree.without_comments(tree.read(root, path))):
            match = INCLUDE.match(line)
            if not match:
                continue
            first = first or (number, match[2])
            why = objection(path.as_posix(), *match.groups())
            if why:
                findings.append(f"{path}:{number}: {why}")
        own = path.with_suffix(".hpp")
        if path.suffix != ".hpp" and (root / own).exists() and first and first[1] != own.as_posix():
            findings.append(f'{path}:{first[0]}: its own header "{own.as_posix()}" comes first')
    return findings


if __name__ == "__main__":
    tree.main(check)
