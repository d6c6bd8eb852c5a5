#!/usr/bin/env bash
# oneDNN 3.13.3 in PyTorch 2.15.0 (PyPI): whether float32 subnormals survive the reorder to bfloat16, and
# a bfloat16 convolution, depends on the instruction set, and not in the order of their age.
#
# Guessed: kept by all, since bfloat16 has float32's exponents and subnormals of its own. Seen for -1e-39 on an
# AMD EPYC with AVX512_BF16 (2026-11-29), by ONEDNN_MAX_CPU_ISA:
#
#                         tensor.to(bfloat16)   reorder to bfloat16   1x1 convolution by the identity
#     AVX2                -1e-39                0 (its sign, too)     -1e-39
#     AVX512_CORE         -1e-39                -1e-39                -1e-39
#     AVX512_CORE_BF16    -1e-39                -0                    0
#
# That vcvtneps2bf16 and vdpbf16ps have no subnormals explains the last row, but AVX2 loses them in the
# reorder, too. PyTorch's own conversion always keeps them. So bfloat16 tensors that went through oneDNN
# differ between processors where a gradient or an error memory has decayed below 1.2e-38, with the same
# versions and no warning. Exits 1 if this changes; a row whose instructions the processor lacks is left
# out. Downloads some gigabytes.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet torch==2.15.0 numpy==2.4.6
cat >"$work/subnormal.py" <<'PYTHON'
import sys
import torch

x = torch.full((1, 64, 8, 8), -1e-39)
identity = torch.eye(64).bfloat16().reshape(64, 64, 1, 1)
rows = x.reshape(64, 64)
results = [x.bfloat16(), rows.to_mkldnn(torch.bfloat16).to_dense(torch.bfloat16),
           torch.nn.functional.conv2d(x.bfloat16(), identity)]
bits = [sorted({b & 0xFFFF for b in r.contiguous().view(torch.int16).flatten().tolist()}) for r in results]
print(*("/".join(f"{b:04x}" for b in some) for some in bits))
PYTHON
as_seen=0
row() { # ISA, the processor's flag for it, bits expected
  grep -qw "$2" /proc/cpuinfo || { echo "$1: this processor has no $2"; return; }
  local seen
  seen=$(ONEDNN_MAX_CPU_ISA=$1 "$work/venv/bin/python" "$work/subnormal.py")
  echo "$1: $seen"
  [ "$seen" = "$3" ] || as_seen=1
}
"$work/venv/bin/python" -c 'import torch; print("torch", torch.__version__)'
row AVX2 avx2 "800b 0000 800b"
row AVX512_CORE avx512bw "800b 800b 800b"
row AVX512_CORE_BF16 avx512_bf16 "800b 8000 0000"
exit $as_seen
