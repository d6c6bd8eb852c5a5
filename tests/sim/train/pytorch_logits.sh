#!/usr/bin/env bash
# A run's model.safetensors, loaded strictly into PyTorch's network, gives the same logits within 1e-4.
# Exits with 77 if Debian's python3-torch is not installed.
# usage: pytorch_logits.sh LOGITS_OF_A_RUN RESNET18_PY
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
"$1" "$work"
/usr/bin/python3 "$2" check "$work/model.safetensors" "$work/logits.safetensors"
