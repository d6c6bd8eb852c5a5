#!/usr/bin/env python3
"""The paper's network in PyTorch, against which weights and logits of mvsgd are checked.

usage: bench/peer/resnet18.py check MODEL LOGITS [--bound 1e-4]
       bench/peer/resnet18.py make MODEL LOGITS [--width 2] [--images 3] [--seed 1]

check: loads MODEL (a model.safetensors) strictly. LOGITS is a safetensors file with images [n, 3,
32, 32] and logits [n, 10]; the network's logits of the images are compared with those there. Exit
code 1 if two are further apart than the bound, 77 if there is no PyTorch.
make: writes both files from a network with random weights and statistics, by PyTorch alone.

Needs Debian's python3-torch or another PyTorch, and nothing else: the file format is read here.
"""
import argparse
import json
import pathlib
import struct
import sys

try:
    import torch
    from torch import nn
except ImportError:
    print("no PyTorch")
    sys.exit(77)

CLASSES = 10
DTYPES = {"F32": torch.float32, "I64": torch.int64}


def read_safetensors(path):
    data = path.read_bytes()
    (length,) = struct.unpack_from("<Q", data)
    body = 8 + length
    tensors = {}
    for name, entry in json.loads(data[8:body]).items():
        if name == "__metadata__":
            continue
        begin, end = entry["data_offsets"]
        flat = torch.frombuffer(bytearray(data[body + begin:body + end]), dtype=DTYPES[entry["dtype"]])
        tensors[name] = flat.reshape(entry["shape"])
    return tensors


def write_safetensors(path, tensors):
    names = {dtype: name for name, dtype in DTYPES.items()}
    header, body = {}, b""
    # Larger elements come first, so that each array begins at a multiple of its element size.
    for name, tensor in sorted(tensors.items(), key=lambda item: -item[1].element_size()):
        data = tensor.contiguous().numpy().tobytes()
        header[name] = {"dtype": names[tensor.dtype], "shape": list(tensor.shape),
                        "data_offsets": [len(body), len(body) + len(data)]}
        body += data
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    path.write_bytes(struct.pack("<Q", len(text)) + text + body)


class Block(nn.Module):
    """Two 3x3 convolutions beside a shortcut, which is a 1x1 convolution where the shape changes."""

    def __init__(self, before, channels, stride):
        super().__init__()
        self.conv1 = nn.Conv2d(before, channels, 3, stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(channels)
        changed = stride != 1 or before != channels
        self.shortcut = nn.Sequential(nn.Conv2d(before, channels, 1, stride, bias=False),
                                      nn.BatchNorm2d(channels)) if changed else nn.Identity()

    def forward(self, x):
        y = torch.relu(self.bn1(self.conv1(x)))
        return torch.relu(self.bn2(self.conv2(y)) + self.shortcut(x))


class ResNet18(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.conv1 = nn.Conv2d(3, width, 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        before = width
        for stage in range(1, 5):
            channels = width << (stage - 1)
            first = Block(before, channels, 1 if stage == 1 else 2)
            setattr(self, f"layer{stage}", nn.Sequential(first, Block(channels, channels, 1)))
            before = channels
        self.linear = nn.Linear(before, CLASSES)

    def forward(self, x):
        x = torch.relu(self.bn1(self.conv1(x)))
        for stage in (self.layer1, self.layer2, self.layer3, self.layer4):
            x = stage(x)
        return self.linear(x.mean(dim=(2, 3)))


def check(arguments):
    state = read_safetensors(arguments.model)
    network = ResNet18(state["conv1.weight"].shape[0])
    network.load_state_dict(state, strict=True)
    network.eval()
    given = read_safetensors(arguments.logits)
    with torch.no_grad():
        worst = (network(given["images"]) - given["logits"]).abs().max().item()
    largest = given["logits"].abs().max().item()
    print(f"{given['logits'].numel()} logits up to {largest:.3g}, {worst:.3g} apart at most")
    return 0 if worst <= arguments.bound else 1


def make(arguments):
    torch.manual_seed(arguments.seed)
    network = ResNet18(arguments.width)
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.uniform_(module.weight, 0.5, 1.5)
            nn.init.uniform_(module.bias, -0.5, 0.5)
    network.train()
    for _ in range(20):  # so that the statistics are those of images
        network(torch.randn(16, 3, 32, 32))
    network.eval()
    images = torch.randn(arguments.images, 3, 32, 32)
    write_safetensors(arguments.model, network.state_dict())
    with torch.no_grad():
        write_safetensors(arguments.logits, {"images": images, "logits": network(images)})
    return 0


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(required=True)
    for work in (check, make):
        command = commands.add_parser(work.__name__)
        command.set_defaults(work=work)
        command.add_argument("model", type=pathlib.Path)
        command.add_argument("logits", type=pathlib.Path)
        if work is check:
            command.add_argument("--bound", type=float, default=1e-4)
        else:
            command.add_argument("--width", type=int, default=2)
            command.add_argument("--images", type=int, default=3)
            command.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    return arguments.work(arguments)


if __name__ == "__main__":
    sys.exit(main())
