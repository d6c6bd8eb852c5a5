#!/usr/bin/python3
"""Makes the golden files of this folder with PyTorch; README.md describes them.

    /usr/bin/python3 tests/golden/nn/make_golden.py [DIRECTORY]

Needs python3-torch (1.13.0 made the committed files). Prints the deviations from which
tests/nn/golden_test.cpp takes its bounds.
"""
import pathlib
import struct
import sys
import typing

import torch
from torch import nn
from torch.nn import functional

WIDTH, CLASSES, BATCH, STEPS = 2, 10, 4, 10
LEARNING_RATE, WEIGHT_DECAY = 0.02, 1e-4
SEED = 91  # keeps the inputs of every ReLU away from its kink: see deviations()


class Variant(typing.NamedTuple):
    """A way to compute the same float32 step with sums in another order."""
    mkldnn: bool
    channels_last: bool = False
    order: typing.List[int] = [0, 1, 2, 3]  # order of the images


# Not mkldnn with channels_last: Debian's 1.13.0 corrupts its heap at these sizes.
VARIANTS = [
    Variant(mkldnn=False),
    Variant(mkldnn=True),
    Variant(mkldnn=False, channels_last=True),
    Variant(mkldnn=False, order=[2, 0, 3, 1]),
    Variant(mkldnn=True, order=[3, 2, 1, 0]),
]

# Inputs of every ReLU in the last forward pass, in double.
RELU_INPUTS = []


def relu(x):
    RELU_INPUTS.append(x.detach().double())
    return functional.relu(x)


class Block(nn.Module):
    def __init__(self, channels_in, channels, stride):
        super().__init__()
        self.conv1 = nn.Conv2d(channels_in, channels, 3, stride=stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(channels)
        self.shortcut = nn.Sequential()
        if stride > 1 or channels_in != channels:
            self.shortcut.append(nn.Conv2d(channels_in, channels, 1, stride=stride, bias=False))
            self.shortcut.append(nn.BatchNorm2d(channels))

    def forward(self, x):
        inside = self.bn2(self.conv2(relu(self.bn1(self.conv1(x)))))
        return relu(inside + self.shortcut(x))


class ResNet18(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.conv1 = nn.Conv2d(3, width, 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.layer1 = nn.Sequential(Block(width, width, 1), Block(width, width, 1))
        self.layer2 = nn.Sequential(Block(width, 2 * width, 2), Block(2 * width, 2 * width, 1))
        self.layer3 = nn.Sequential(Block(2 * width, 4 * width, 2), Block(4 * width, 4 * width, 1))
        self.layer4 = nn.Sequential(Block(4 * width, 8 * width, 2), Block(8 * width, 8 * width, 1))
        self.linear = nn.Linear(8 * width, CLASSES)

    def forward(self, x):
        x = relu(self.bn1(self.conv1(x)))
        x = self.layer4(self.layer3(self.layer2(self.layer1(x))))
        return self.linear(x.mean((2, 3)))


def statistics(net):
    """The running statistics' names and tensors, without PyTorch's batch counters."""
    return [(name, b) for name, b in net.named_buffers() if ".running_" in name]


def flat(tensors):
    return torch.cat([t.detach().flatten() for t in tensors])


def values(pixels):
    """Exact in every precision."""
    return pixels.float() / 64 - 2


def load(net, theta, buffers):
    statistics_tensors = [b for _, b in statistics(net)]
    for tensors, source in ((list(net.parameters()), theta), (statistics_tensors, buffers)):
        parts = torch.split(source, [t.numel() for t in tensors])
        with torch.no_grad():
            for tensor, part in zip(tensors, parts):
                tensor.copy_(part.view_as(tensor))


def differentiate(net, images, labels, channels_last=False):
    """Loss and correct answers of one training step; leaves the gradients in the network."""
    RELU_INPUTS.clear()
    net.zero_grad()
    x = images.to(next(net.parameters()).dtype)
    if channels_last:
        x = x.contiguous(memory_format=torch.channels_last)
    logits = net(x)
    loss = functional.cross_entropy(logits, labels)
    loss.backward()
    return loss.item(), int((logits.argmax(1) == labels).sum())


def sgd(net):
    return torch.optim.SGD(net.parameters(), lr=LEARNING_RATE, weight_decay=WEIGHT_DECAY)


def in_float32(variant, theta, buffers):
    net = ResNet18(WIDTH)
    load(net, theta, buffers)
    return net.to(memory_format=torch.channels_last) if variant.channels_last else net


def differentiate_float32(net, variant, images, labels):
    with torch.backends.mkldnn.flags(enabled=variant.mkldnn):
        return differentiate(net, images[variant.order], labels[variant.order],
                             variant.channels_last)


def deviations(theta, buffers, images, labels, exact, exact_relu_inputs):
    """How far PyTorch's float32 is from `exact`, which has been differentiated. Returns the largest
    ||difference|| / ||gradient|| over the variants for each parameter tensor, and the smallest
    (distance of an input from the kink at 0) / (deviation of an input) over the ReLUs."""
    worst = torch.zeros(len(list(exact.parameters())), dtype=torch.float64)
    margin = float("inf")
    for variant in VARIANTS:
        net = in_float32(variant, theta, buffers)
        differentiate_float32(net, variant, images, labels)
        relative = [(p.grad.double() - q.grad).norm() / q.grad.norm()
                    for p, q in zip(net.parameters(), exact.parameters())]
        worst = torch.maximum(worst, torch.stack(relative))
        for rounded, x in zip(RELU_INPUTS, exact_relu_inputs):
            deviation = (rounded - x[variant.order]).abs().max()
            margin = min(margin, (x.abs().min() / deviation).item())
    return worst, margin


def followed_run(theta, buffers, pixels, labels):
    """The steps of the golden trajectory as bytes. Every step's loss, gradient and statistics are
    computed in double from float32 parameters, then rounded; the next step starts from them."""
    out = bytearray()
    net, exact = ResNet18(WIDTH), ResNet18(WIDTH).double()
    optimiser = sgd(net)
    smallest_margin = float("inf")
    for step in range(STEPS):
        images = values(pixels[step])
        out += pixels[step].numpy().tobytes() + labels[step].to(torch.uint8).numpy().tobytes()
        out += theta.numpy().tobytes() + buffers.numpy().tobytes()

        load(exact, theta.double(), buffers.double())
        loss, correct = differentiate(exact, images, labels[step])
        gradient = flat(p.grad for p in exact.parameters()).float()
        deviation, margin = deviations(theta, buffers, images, labels[step], exact,
                                       list(RELU_INPUTS))
        smallest_margin = min(smallest_margin, margin)
        out += struct.pack("<dq", loss, correct)
        out += gradient.numpy().tobytes() + deviation.numpy().tobytes()
        print(f"step {step}: loss {loss:.6f}, float32 gradients deviate by "
              f"{deviation.median():.1e}, at most {deviation.max():.1e}; margin {margin:.2f}")

        load(net, theta, buffers)
        for parameter, exact_parameter in zip(net.parameters(), exact.parameters()):
            parameter.grad = exact_parameter.grad.float()
        optimiser.step()
        theta = flat(net.parameters())
        buffers = flat(b for _, b in statistics(exact)).float()
    out += theta.numpy().tobytes() + buffers.numpy().tobytes()
    # Otherwise rounding could put an input on the other side of the kink, and gradients would
    # differ by more than rounding. Take another seed then.
    assert smallest_margin > 1, smallest_margin
    return out


def free_runs(theta, buffers, pixels, labels):
    """The losses of a run in double and of one for each variant in float32, as bytes."""
    out = bytearray()
    exact = None
    for variant in [None, *VARIANTS]:
        if variant is None:
            net = ResNet18(WIDTH).double()
            load(net, theta.double(), buffers.double())
        else:
            net = in_float32(variant, theta, buffers)
        optimiser = sgd(net)
        losses = []
        for p, label in zip(pixels, labels):
            if variant is None:
                loss, _ = differentiate(net, values(p), label)
            else:
                loss, _ = differentiate_float32(net, variant, values(p), label)
            losses.append(loss)
            optimiser.step()
        exact = exact or losses
        out += struct.pack(f"<{STEPS}d", *losses)
        print(variant or "double", " ".join(f"{abs(a - b):.1e}" for a, b in zip(losses, exact)))
    return out


def main():
    folder = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else pathlib.Path(__file__).parent)
    torch.set_num_threads(1)
    torch.manual_seed(SEED)

    paper = ResNet18(64)
    lists = {"parameters.txt": paper.named_parameters(), "buffers.txt": statistics(paper)}
    for name, tensors in lists.items():
        lines = [f"{n} {'x'.join(map(str, t.shape))}\n" for n, t in tensors]
        (folder / name).write_text("".join(lines))

    net = ResNet18(WIDTH)
    pixels = torch.randint(0, 256, (STEPS, BATCH, 3, 32, 32), dtype=torch.uint8)
    labels = torch.randint(0, CLASSES, (STEPS, BATCH))
    theta, buffers = flat(net.parameters()), flat(b for _, b in statistics(net))
    header = struct.pack("<8s8i2d", b"mvsgd-nn", WIDTH, CLASSES, BATCH, STEPS, theta.numel(),
                         buffers.numel(), len(list(net.parameters())), len(VARIANTS),
                         LEARNING_RATE, WEIGHT_DECAY)
    (folder / "resnet18_width2.bin").write_bytes(
        header + followed_run(theta, buffers, pixels, labels)
        + free_runs(theta, buffers, pixels, labels))


if __name__ == "__main__":
    main()
