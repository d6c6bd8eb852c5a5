#!/usr/bin/env python3
"""Trains the network of a run with PyTorch's own loop and compares the curves.

usage: bench/peer/training_loop.py train RUN CURVE [--seed 1] [--threads 1]
       bench/peer/training_loop.py compare --ours RUN... --peer CURVE... [--window 500]

train: RUN is a run directory of `mvsgd train --preset sm` on CIFAR-10's files. PyTorch takes from its
config.toml width, batch, momentum, weight decay and whether images are augmented, and from its
metrics.jsonl the number of steps, the learning rate of each, and when it was evaluated. All else is
PyTorch's: layers, initial weights, autograd, optimiser, drawn batches, crops and flips. CURVE is a CSV
file with a line for each step: step, loss, and the test accuracy where RUN has one.

compare: prints, for each window of steps, the mean loss of our runs and of PyTorch's, with the sample
deviation over seeds, then the same for each evaluation, as Markdown. A difference is beyond the spread
if Welch's t exceeds the two-sided 1 % point for its degrees of freedom. Exit code 1 if more than one
line in ten is beyond it: of lines that agree, one in a hundred is so by chance. Needs no PyTorch.

Float32, one thread. Bad input ends with exit code 2 and the reason.
"""
import argparse
import csv
import json
import math
import pathlib
import statistics
import sys
import tomllib

IMAGES = 10000  # in each of CIFAR-10's files
SIDE = 32
MEAN, DEVIATION = (0.4914, 0.4822, 0.4465), (0.2023, 0.1994, 0.2010)
CORNERS = 9  # a crop's corner is 0 to 8 in an image with 4 black pixels on each side
# Two-sided 1 % points of Student's t for 1, 2, ... degrees of freedom.
T_POINTS = (63.66, 9.925, 5.841, 4.604, 4.032, 3.707, 3.499, 3.355, 3.250, 3.169)


class Failure(Exception):
    """Says what is wrong with the input."""


def read_run(directory):
    """Settings, and the metrics of each round, of a run of one worker."""
    try:
        settings = tomllib.loads((directory / "config.toml").read_text())
        lines = [json.loads(line) for line in (directory / "metrics.jsonl").read_text().splitlines()]
    except (OSError, ValueError) as error:
        raise Failure(f"{directory}: {error}") from error
    if settings["scheme"] != "sm":
        raise Failure(f"{directory}: scheme = {settings['scheme']}, wanted sm")
    rounds = [line for line in lines if "learning_rate" in line]
    if [line["round"] for line in rounds] != list(range(1, len(rounds) + 1)):
        raise Failure(f"{directory}: not all rounds from the first on")
    return settings, rounds


def read_file(torch, path):
    """Images [10000, 3, 32, 32] of bytes, and labels [10000]."""
    record = 1 + 3 * SIDE * SIDE
    data = path.read_bytes()
    if len(data) != IMAGES * record:
        raise Failure(f"{path}: {len(data)} bytes, wanted {IMAGES * record}")
    records = torch.frombuffer(bytearray(data), dtype=torch.uint8).reshape(IMAGES, record)
    return records[:, 1:].reshape(IMAGES, 3, SIDE, SIDE).contiguous(), records[:, 0].long()


def normalised(torch, images):
    """Bytes [B, 3, 32, 32] as the network takes them."""
    mean = torch.tensor(MEAN).reshape(1, 3, 1, 1)
    deviation = torch.tensor(DEVIATION).reshape(1, 3, 1, 1)
    return (images.float() / 255 - mean) / deviation


def cropped(torch, padded, generator):
    """From bytes [B, 3, 40, 40] a window each, [B, 3, 32, 32], half of them mirrored."""
    corners = torch.randint(CORNERS, (len(padded), 2), generator=generator).tolist()
    flips = torch.randint(2, (len(padded),), generator=generator).tolist()
    windows = [image[:, top:top + SIDE, left:left + SIDE] for image, (top, left) in zip(padded, corners)]
    return torch.stack([window.flip(2) if flip else window for window, flip in zip(windows, flips)])


def accuracy(torch, network, images, labels):
    network.eval()
    with torch.no_grad():
        right = sum((network(normalised(torch, images[i:i + 500])).argmax(1) == labels[i:i + 500]).sum().item()
                    for i in range(0, len(images), 500))
    network.train()
    return right / len(images)


def train(arguments):
    try:
        import torch
        from resnet18 import ResNet18
    except ImportError:
        print("no PyTorch")
        return 77
    settings, rounds = read_run(arguments.run)
    if arguments.curve.exists():
        raise Failure(f"{arguments.curve}: is there")
    torch.set_num_threads(arguments.threads)
    torch.manual_seed(arguments.seed)
    generator = torch.Generator().manual_seed(arguments.seed)
    data = pathlib.Path(settings["data"])
    parts = [read_file(torch, data / f"data_batch_{i}.bin") for i in range(1, 6)]
    padded = torch.nn.functional.pad(torch.cat([images for images, _ in parts]), (4, 4, 4, 4))
    labels = torch.cat([part for _, part in parts])
    tests, test_labels = read_file(torch, data / "test_batch.bin")

    network = ResNet18(settings["width"]).train()
    optimizer = torch.optim.SGD(network.parameters(), lr=1, momentum=settings["momentum"],
                                nesterov=settings["nesterov"], weight_decay=settings["weight_decay"])
    order = torch.empty(0, dtype=torch.long)
    with arguments.curve.open("x", newline="") as file:
        curve = csv.writer(file)
        curve.writerow(["step", "loss", "test_accuracy"])
        for line in rounds:
            if len(order) < settings["batch"]:
                order = torch.cat([order, torch.randperm(len(labels), generator=generator)])
            taken, order = order[:settings["batch"]], order[settings["batch"]:]
            images = padded[taken]
            images = cropped(torch, images, generator) if settings["augment"] else images[:, :, 4:-4, 4:-4]
            optimizer.param_groups[0]["lr"] = line["learning_rate"]
            optimizer.zero_grad()
            loss = torch.nn.functional.cross_entropy(network(normalised(torch, images)), labels[taken])
            loss.backward()
            optimizer.step()
            tested = accuracy(torch, network, tests, test_labels) if "test_accuracy" in line else None
            curve.writerow([line["round"], f"{loss.item():.6f}", "" if tested is None else f"{tested:.4f}"])
            file.flush()
    print(f"{arguments.curve}: PyTorch {torch.__version__}, {len(rounds)} steps")
    return 0


def curve_of_run(directory):
    """Loss by step, and test accuracy by the steps that have one."""
    _, rounds = read_run(directory)
    return ({line["round"]: line["loss"] for line in rounds},
            {line["round"]: line["test_accuracy"] for line in rounds if "test_accuracy" in line})


def curve_of_file(path):
    try:
        with path.open(newline="") as file:
            lines = list(csv.DictReader(file))
        return ({int(line["step"]): float(line["loss"]) for line in lines},
                {int(line["step"]): float(line["test_accuracy"]) for line in lines if line["test_accuracy"]})
    except (OSError, KeyError, ValueError) as error:
        raise Failure(f"{path}: {error}") from error


def is_beyond(ours, peers):
    """Whether two samples differ by more than chance does once in a hundred times."""
    parts = [statistics.variance(sample) / len(sample) for sample in (ours, peers)]
    if sum(parts) == 0:
        return statistics.mean(ours) != statistics.mean(peers)
    freedom = sum(parts) ** 2 / sum(part ** 2 / (len(sample) - 1) for part, sample in zip(parts, (ours, peers)))
    point = T_POINTS[min(len(T_POINTS), max(1, math.floor(freedom))) - 1]
    return abs(statistics.mean(ours) - statistics.mean(peers)) > point * math.sqrt(sum(parts))


def compare(arguments):
    ours, peers = [curve_of_run(run) for run in arguments.ours], [curve_of_file(path) for path in arguments.peer]
    if len(ours) < 2 or len(peers) < 2:
        raise Failure("two runs and two curves at least are needed for a spread")
    steps = {len(loss) for loss, _ in ours + peers}
    if len(steps) != 1 or len({tuple(accuracies) for _, accuracies in ours + peers}) != 1:
        raise Failure(f"other steps or evaluations: {sorted(steps)} steps")
    rows = []
    for end in range(arguments.window, steps.pop() + 1, arguments.window):
        window = range(end - arguments.window + 1, end + 1)
        rows.append((f"loss, steps {window[0]} to {end}", 1,
                     *([statistics.mean(loss[step] for step in window) for loss, _ in side] for side in (ours, peers))))
    for step in ours[0][1]:
        rows.append((f"test accuracy after {step}, %", 100, *([tested[step] for _, tested in side] for side in (ours, peers))))
    print(f"| | mvsgd, {len(ours)} seeds | PyTorch, {len(peers)} seeds | difference | beyond the spread |\n|---|---|---|---|---|")
    beyond = 0
    for name, scale, mine, theirs in rows:
        means = [scale * statistics.mean(sample) for sample in (mine, theirs)]
        spread = [scale * statistics.stdev(sample) for sample in (mine, theirs)]
        beyond += is_beyond(mine, theirs)
        print(f"| {name} | {means[0]:.3f} +- {spread[0]:.3f} | {means[1]:.3f} +- {spread[1]:.3f} "
              f"| {means[0] - means[1]:+.3f} | {'yes' if is_beyond(mine, theirs) else ''} |")
    print(f"\n{beyond} of {len(rows)} lines are beyond the spread")
    return 1 if 10 * beyond > len(rows) else 0


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(required=True)
    trains = commands.add_parser("train")
    trains.add_argument("run", type=pathlib.Path)
    trains.add_argument("curve", type=pathlib.Path)
    trains.add_argument("--seed", type=int, default=1)
    trains.add_argument("--threads", type=int, default=1)
    trains.set_defaults(command=train)
    compares = commands.add_parser("compare")
    compares.add_argument("--ours", type=pathlib.Path, nargs="+", required=True)
    compares.add_argument("--peer", type=pathlib.Path, nargs="+", required=True)
    compares.add_argument("--window", type=int, default=500)
    compares.set_defaults(command=compare)
    arguments = parser.parse_args()
    try:
        return arguments.command(arguments)
    except Failure as failure:
        print(failure, file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())
