#!/usr/bin/env python3
"""Times PyTorch's training step on the paper's network: the peer of step_ratio.py.

usage: bench/peer/training_step.py [--width 64] [--batch 64] [--threads 1] [--steps 5]
                                   [--precision fp32|bf16]

Prints one line of JSON: the settings, PyTorch's version, and images a second of wall time in either
memory layout and in the faster one, each the median of the steps after two to warm up. A step is
forward, backward and plain SGD with weight decay on drawn images. bf16 is CPU autocast.

Exit code 77 if there is no PyTorch. Debian's python3-torch will do.
"""
import argparse
import json
import statistics
import time

from resnet18 import CLASSES, ResNet18, nn, torch

WARMING_UP = 2


def images_per_second(arguments, layout):
    torch.manual_seed(1)
    network = ResNet18(arguments.width).to(memory_format=layout)
    images = torch.randn(arguments.batch, 3, 32, 32).to(memory_format=layout)
    labels = torch.randint(CLASSES, (arguments.batch,))
    sgd = torch.optim.SGD(network.parameters(), lr=0.1, weight_decay=1e-4)
    seconds = []
    for _ in range(WARMING_UP + arguments.steps):
        start = time.perf_counter()
        sgd.zero_grad(set_to_none=True)
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=arguments.precision == "bf16"):
            loss = nn.functional.cross_entropy(network(images), labels)
        loss.backward()
        sgd.step()
        seconds.append(time.perf_counter() - start)
    return arguments.batch / statistics.median(seconds[WARMING_UP:])


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--width", type=int, default=64)
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--steps", type=int, default=5)
    parser.add_argument("--precision", choices=("bf16", "fp32"), default="fp32")
    arguments = parser.parse_args()
    if arguments.steps < 1:
        parser.error("--steps is at least 1")
    torch.set_num_threads(arguments.threads)
    rates = {name: images_per_second(arguments, layout)
             for name, layout in (("contiguous", torch.contiguous_format),
                                  ("channels_last", torch.channels_last))}
    print(json.dumps({**vars(arguments), "torch": torch.__version__, **rates,
                      "images_per_second": max(rates.values())}))


if __name__ == "__main__":
    main()
