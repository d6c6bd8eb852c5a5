"""Trains tiny runs of every preset, code and quantiser with --dump-wire, and reads what they sent with dump.py.

    python3 -B make_dumps.py MVSGD            compares what was read with dumps.txt, line by line
    python3 -B make_dumps.py MVSGD --write    writes dumps.txt
    python3 -B make_dumps.py MVSGD NAME...    of these cases alone

In any case each dump is compared with its run: bits with ledger.csv, messages with each other and with the settings,
and the parameters that follow from them with the run's digest.
"""

import difflib
import pathlib
import subprocess
import sys
import tempfile

import dump
import wire

GOLDEN = pathlib.Path(__file__).parent / "dumps.txt"
SMALL = ("--width 1 --workers 2 --rounds 3 --epochs 2 --batch 4 --synthetic-train 64 "
         "--synthetic-test 16 --dump-rounds 0,1,2,3")
SPARSE = "--warmup-epochs 0"
RANKS = "--add-codec rank --drop-codec rank"
LEAST = "--vote-codec delta --value-codec entropy"
VOTING = ["ssgd-mv", "ssgd-mv-rs-l4", "ssgd-mv-ad"]
CODES = ["elias-fano", "rice", "radix", "entropy", "rans"]


def cases(presets):
    """Options by name. A preset runs a dense round and two sparse ones; all others run sparse rounds."""
    for name in presets:
        yield name, f"--preset {name}" + (" --workers 1" if name.endswith("sm") else "")
    for preset in VOTING + ["top-k", "rand-k-l4"]:
        sparse = f"--preset {preset} {SPARSE}"
        for code in CODES:
            yield f"{preset} {code}", f"{sparse} --position-codec {code}"
        if preset != "top-k":
            yield f"{preset} delta", f"{sparse} --mask-codec delta"
    ad = f"--preset ssgd-mv-ad {SPARSE}"
    for code in ["block"] + CODES:
        yield f"rank {code}", f"{ad} --drop-codec rank --position-codec {code} --phi-ad 0.003"
        yield f"rank outside {code}", f"{ad} --add-codec rank --position-codec {code} --phi-ad 0.003"
    mv = f"--preset ssgd-mv {SPARSE}"
    for q in range(2, 9):
        yield f"{q} bits", f"{mv} --value-bits {q}"
    sign = f"{mv} --value-bits 1 --quantizer scaled-sign"
    yield "1 bit", sign
    yield "1 bit, scales of 7", f"{sign} --quantizer-block 7"
    yield "top-k 3 bits", f"--preset top-k {SPARSE} --value-bits 3"
    yield "rand-k 1 bit", f"--preset rand-k-l4 {SPARSE} --value-bits 1 --quantizer scaled-sign"
    for size in (1, 7, 4096):
        for code in ("block", "radix"):
            yield f"B = {size}, {code}", f"{mv} --block-size {size} --position-codec {code}"
    for code in ["block"] + CODES:
        ends = f"{ad} --mask-codec delta {RANKS} --position-codec {code}"
        yield f"K = 1, {code}", f"{ends} --phi 0.0001 --phi-ad 0.0001"
        yield f"K = d, {code}", f"{ends} --phi 1"
        yield f"K = d / 2, {code}", f"{ends} --phi 0.5 --phi-ad 0.3"
    sizes = [("1", "0.0001"), ("d", "1"), ("d / 2", "0.5")]
    for preset in VOTING[:2] + ["top-k"]:
        for code in ["block"] + CODES:
            yield f"{preset} changes, {code}", (f"--preset {preset} {SPARSE} --vote-codec delta "
                                                f"--position-codec {code}")
        for size, phi in sizes:
            yield f"{preset} changes, K = {size}", (f"--preset {preset} {SPARSE} --phi {phi} {LEAST} "
                                                    "--value-bits 3")
    yield "changes after eight dense rounds", ("--preset ssgd-mv-l8-q-min --warmup-epochs 1 --epochs 8 "
                                              "--rounds 11 --dump-rounds 0,1,2,3,8,9,10,11")
    for q in range(2, 9):
        yield f"{q} bits by entropy", f"{mv} --phi 0.3 --value-bits {q} --value-codec entropy"
    for size, phi in sizes:
        for preset, more in [("ssgd-mv-l8-q-min", ""), ("ssgd-mv-ad-l8-q-min", f" --phi-ad {phi}"),
                             ("rand-k-l4", " --value-bits 4 --value-codec entropy")]:
            yield f"{preset} by entropy, K = {size}", f"--preset {preset} {SPARSE} --phi {phi}{more}"
    for width, phi in [("2", "0.75"), ("3", "0.6"), ("4", "0.4")]:
        yield f"{phi} of width {width}", (f"{mv} --width {width} --phi {phi} --vote-codec delta "
                                          "--position-codec rans")
    yield "eight states", f"{mv} --width 2 --phi 0.8 --value-bits 5 {LEAST}"
    yield "N = 1, changes", f"--preset ssgd-mv-l8-q-min {SPARSE} --workers 1"
    yield "N = 1, add-drop by entropy", f"--preset ssgd-mv-ad-l8-q-min {SPARSE} --workers 1"
    yield "most coordinates are new", f"--preset rand-k-l4 {SPARSE} --phi 0.6 --mask-codec delta"
    for preset in VOTING + ["top-k", "rand-k-l4"]:
        yield f"N = 1, {preset}", f"--preset {preset} --workers 1"
    yield "N = 3, sum", f"{mv} --workers 3 --aggregation sum"
    yield "N = 3, lower index", f"{mv} --workers 3 --tie-break index"
    yield "sums over the workers", f"{ad} --ledger-rows round"
    for preset, q, more in [("ssgd-mv", 2, ""), ("ssgd-mv-l8-q-min", 4, ""), ("ssgd-mv-ad-l8-q-min", 3, ""),
                            ("top-k", 4, " --value-bits 4 --value-codec entropy"), ("rand-k-l4", 1, ""),
                            ("ssgd-mv-rs-l4", 8, " --quantization-error false"),
                            ("ssgd-mv-ad", 1, " --quantizer-block 7")]:
        yield f"{preset} both ways", f"--preset {preset} {SPARSE} --aggregate-bits {q}{more}"
    for name in ("float16", "bfloat16"):
        yield name, f"{mv} --value-bits 16 --quantizer {name}"
        yield f"{name} both ways", f"--preset top-k {SPARSE} --value-bits 16 --quantizer {name} --aggregate-bits 16"
    stairs = "--phi-warmup stairs --warmup-epochs 1 --rounds 8 --dump-rounds 0,1,2,3,4,5,6,7,8"
    for preset, more in [("ssgd-mv", " --vote-codec delta --mask-codec delta"),
                         ("ssgd-mv-ad", f" {RANKS} --mask-codec delta"), ("top-k", "")]:
        yield f"{preset} on stairs", f"--preset {preset} {stairs}{more}"
    some = f"--workers 4 --participation 2 --rounds 6 --dump-rounds 0,1,2,3,4,5,6 {SPARSE} --epochs 4"
    for preset, more in [("ssgd-mv-l8-q-min", " --mask-codec delta --local-steps 1"),
                         ("ssgd-mv-ad", f" {RANKS} --value-bits 4 --value-codec entropy"), ("top-k", ""),
                         ("rand-k-l4", " --local-steps 1 --aggregation sum")]:
        yield f"{preset}, two of four workers", f"--preset {preset} {some}{more}"
    yield "dense, two of four workers", "--preset dense --workers 4 --participation 2"
    yield "N = 3, reduce", f"{mv} --workers 3 --aggregate reduce"
    yield "N = 2, few values, reduce", f"{mv} --phi 0.0001 --aggregate reduce"
    yield "N = 1, reduce", f"{mv} --workers 1 --aggregate reduce"
    yield "dense, reduce", "--preset dense --workers 4 --aggregate reduce --aggregation sum"
    three = some.replace("--workers 4", "--workers 5").replace("--participation 2", "--participation 3")
    yield "ssgd-mv-ad, three of five workers, reduce", f"--preset ssgd-mv-ad {three} --value-bits 4 --aggregate reduce"
    yield "rand-k-l4, three of five workers, reduce", f"--preset rand-k-l4 {three} --local-steps 1 --aggregate reduce"
    yield "no statistics", f"{mv} --bn-eval recompute"
    for preset in VOTING + ["top-k", "rand-k-l4"]:
        for code in ["block"] + CODES:
            layer = f"--preset {preset} {SPARSE} --selection layer --position-codec {code} --phi 0.02 --width 2"
            yield f"{preset} by layer, {code}", f"{layer} --dense-below 30"
    by_layer = f"{SPARSE} --selection layer --width 2"
    for code in ["block"] + CODES:
        yield f"ranks by layer, {code}", (f"--preset ssgd-mv-ad {by_layer} {RANKS} --mask-codec delta "
                                          f"--position-codec {code} --phi-ad 0.006")
        yield f"changes by layer, {code}", (f"--preset ssgd-mv {by_layer} --vote-codec delta --mask-codec delta "
                                            f"--position-codec {code} --phi 0.1 --dense-below 5")
    for size, more in [("K = d", "--phi 1 --phi-ad 1"), ("all dense", "--dense-below 1000000"),
                       ("K = d / 2", "--phi 0.5 --phi-ad 0.3")]:
        yield f"by layer, {size}", f"--preset ssgd-mv-ad {by_layer} {RANKS} --mask-codec delta {more}"
    for preset in ("ssgd-mv-l8-q-min", "ssgd-mv-ad-l8-q-min"):
        yield f"{preset} by layer", f"--preset {preset} {by_layer} --dense-below 20"
    yield "modern by layer, not all of it dense", ("--preset modern-mv-ad-l4-q-layer --dense-below 20 --width 2 "
                                                   "--warmup-epochs 1 --rounds 8 --dump-rounds 0,1,2,3,4,5,6,7,8")
    yield "top-k by layer, two of four workers", f"--preset top-k --selection layer {some} --width 2"
    yield "ssgd-mv-ad by layer, three of five workers, reduce", (f"--preset ssgd-mv-ad {three} --selection layer "
                                                                 "--dense-below 20 --width 2 --aggregate reduce")
    yield "ssgd-mv-ad by layer on stairs, reduce", (f"--preset ssgd-mv-ad --selection layer {stairs} {RANKS} "
                                                    "--aggregate reduce --error-memory false")
    yield "top-k by layer on stairs", f"--preset top-k --selection layer {stairs}"


def stored(name):
    return (GOLDEN.parent.parent / "compress" / name).read_bytes()


def hold_stored():
    """Golden files which another script has made and mvsgd must match: the longer codes."""
    some = [int(line) for line in stored("positions.txt").split()]
    many = sorted({j**3 // 1024 for j in range(4000)})
    far = sorted({j**3 >> 10 for j in range(9000)} | {2**32 - 2})
    dense = [i for i in range(20011) if (7 * i * i + 3 * i) % 20011 >= 9000]
    d = 10007
    runs = [1000 * i + 3 * j for i in range(4000) for j in range(1 + i * i % 5)]
    before = some
    after = sorted({(7 * i * i + 3) % d for i in range(30, 101)} | {5 * i + 1 for i in range(30)})
    for name, want, decode in [
        ("block_1.bin", some, lambda bits: wire.block_list(bits, d, len(some), 1)),
        ("block_64.bin", some, lambda bits: wire.block_list(bits, d, len(some), 64)),
        ("block_100.bin", some, lambda bits: wire.block_list(bits, d, len(some), 100)),
        ("elias_fano.bin", some, lambda bits: wire.elias_fano_list(bits, d, len(some))),
        ("rice_64.bin", some, lambda bits: wire.rice_list(bits, len(some), 64)),
        ("radix_100.bin", some, lambda bits: wire.radix_list(bits, d, 100)),
        ("radix_129.bin", some, lambda bits: wire.radix_list(bits, d, 129)),
        ("entropy.bin", some, lambda bits: wire.entropy_list(bits, d, len(some))),
        ("entropy_cubes.bin", many, lambda bits: wire.entropy_list(bits, 1 << 26, len(many))),
        ("rans_far.bin", far, lambda bits: wire.rans_list(bits, 2**32 - 1, len(far))),
        ("rans_dense.bin", dense, lambda bits: wire.rans_list(bits, 20011, len(dense))),
        ("rans_runs.bin", runs, lambda bits: wire.rans_list(bits, 1 << 22, len(runs))),
        ("delta.bin", after, lambda bits: wire.delta_list(bits, d, len(after), before)),
    ]:
        bits = wire.Bits(stored(name))
        dump.hold(decode(bits) == want, f"{name} is of other positions")
        dump.hold(bits.length - bits.at < 8, f"{name} has {bits.length - bits.at} bits left")
    known = wire.Known(vote=[1, 6, 7, 12], whole_code="block")
    vote = wire.decode((GOLDEN.parent / "changed_vote.bin").read_bytes(), known)
    dump.hold(vote.positions == [1, 7, 9, 12], "changed_vote.bin is of other positions")
    update = wire.decode((GOLDEN.parent / "entropy_update.bin").read_bytes())
    values = [(0.5 if i in (5, 17) else 1.0) * (-1 if i in (2, 3, 7, 11, 12, 19, 22, 30) else 1)
              for i in range(32)]
    dump.hold(update.values == values, "entropy_update.bin is of other values")


def read(mvsgd, options, work):
    """The content of one run's dump, line by line."""
    command = [mvsgd, "train", "--quiet", *f"{SMALL} {options}".split()]
    train = subprocess.run([*command, "--out", work / "run", "--dump-wire", work / "dump"],
                           capture_output=True, text=True, check=False)
    dump.hold(train.returncode == 0, f"exit {train.returncode}: {train.stderr}")
    if not (work / "dump").exists():
        ledger = (work / "run" / "ledger.csv").read_text().splitlines()
        dump.hold(len(ledger) == 1, "no dump, and a ledger with rows")
        return ["nothing is sent"]
    messages, workers, votes = dump.read(work / "dump", work / "run")
    dump.hold_run(messages, workers, votes, work / "run")
    return dump.summary(messages, workers)


def main(mvsgd, *arguments):
    write = arguments == ("--write",)
    printed = subprocess.run([mvsgd, "presets"], capture_output=True, text=True, check=True).stdout
    golden = {}
    if not write:
        for section in GOLDEN.read_text().split("\n== ")[1:]:
            name, *lines = section.rstrip("\n").split("\n")
            golden[name] = lines
    hold_stored()
    found = {}
    failed = 0
    for name, options in cases([line.split()[0] for line in printed.splitlines()]):
        if arguments and not write and name not in arguments:
            continue
        title = f"{name}: {options}"
        with tempfile.TemporaryDirectory() as work:
            try:
                found[title] = read(mvsgd, options, pathlib.Path(work))
            except dump.Mismatch as mismatch:
                failed += 1
                found[title] = None
                print(f"{title}\n  {mismatch}")
                continue
        if not write and found[title] != golden.get(title):
            failed += 1
            print(title)
            print("\n".join(difflib.unified_diff(golden.get(title, []), found[title],
                                                 "dumps.txt", "read", n=0, lineterm="")))
    if not arguments and golden.keys() - found.keys():
        failed += 1
        print("in dumps.txt alone:", *sorted(golden.keys() - found.keys()), sep="\n  ")
    if write and not failed:
        text = f"What make_dumps.py read. All with {SMALL}\n"
        text += "".join(f"\n== {title}\n" + "\n".join(lines) + "\n" for title, lines in found.items())
        GOLDEN.write_text(text)
    print(f"{len(found)} dumps, {failed} wrong")
    return min(failed, 1)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
