#!/usr/bin/env bash
# PyTorch 2.15.0 (PyPI), CPU: torch.add(x, y, alpha=a) in bfloat16, and so a step of torch.optim.SGD, gives
# an element other bits if it is one of the last of its tensor, or of its thread's share of the tensor.
# With another number of threads, other elements differ.
#
# Guessed: what goes element by element has the same bits wherever an element stands and however many
# threads there are. Only sums could differ. Seen for SGD with a rate of 0.1 (AMD EPYC, AVX-512, and with
# ATEN_CPU_CAPABILITY=avx2; 2026-11-29):
#
#     129 equal weights, 30 equal gradients    128 end at 0.7890625, the last at 0.77734375
#     100,003 drawn weights, 20 steps          17 differ between 1 and 2 threads, 31 between 1 and 3
#     the same with fused=True, or float32     none
#
# Whole vectors of a share are summed before they are rounded, and up to 31 elements at its end have their
# product rounded first; ATEN_CPU_CAPABILITY=default does that to all, so that nothing differs. So a run in
# bfloat16 is repeated to the bit only with the same number of threads, and workers of different machines
# drift apart where none of them sums anything. Exits 1 if this changes. Downloads some gigabytes.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet torch==2.15.0 numpy==2.4.6
cat >"$work/steps.py" <<'PYTHON'
import sys
import torch

DRAWN, EQUAL = 100_003, 129


def stepped(first, gradients, dtype, threads, **options):
    torch.set_num_threads(threads)
    weights = first.to(dtype).requires_grad_()
    sgd = torch.optim.SGD([weights], lr=0.1, **options)
    for gradient in gradients:
        weights.grad = gradient.to(dtype)
        sgd.step()
    return weights.detach()


generator = torch.Generator().manual_seed(1)
one_each = [torch.full((EQUAL,), torch.randn((), generator=generator).item()) for _ in range(30)]
equal = stepped(torch.full((EQUAL,), 0.7371), one_each, torch.bfloat16, 1)
runs = [0] + ((equal[1:] != equal[:-1]).nonzero().flatten() + 1).tolist()
print(torch.backends.cpu.get_cpu_capability(), "equal weights, runs from:", {i: equal[i].item() for i in runs})
generator.manual_seed(5)
first = torch.randn(DRAWN, generator=generator)
drawn = [torch.randn(DRAWN, generator=generator) for _ in range(20)]
seen = []
for name, dtype, options in (("bfloat16", torch.bfloat16, {}), ("fused", torch.bfloat16, {"fused": True}),
                             ("float32", torch.float32, {})):
    one = stepped(first, drawn, dtype, 1, **options)
    seen += [int((stepped(first, drawn, dtype, threads, **options) != one).sum()) for threads in (2, 3)]
    print(f"{name}: {seen[-2]} elements differ with 2 threads, {seen[-1]} with 3")
vectors = sys.argv[1] == "vectors"
as_seen = runs == ([0, 128] if vectors else [0]) and (min(seen[:2]) > 0) == vectors and not any(seen[2:])
sys.exit(0 if as_seen else 1)
PYTHON
as_seen=0
"$work/venv/bin/python" -c 'import torch; print("torch", torch.__version__)'
"$work/venv/bin/python" "$work/steps.py" vectors || as_seen=1
ATEN_CPU_CAPABILITY=avx2 "$work/venv/bin/python" "$work/steps.py" vectors || as_seen=1
ATEN_CPU_CAPABILITY=default "$work/venv/bin/python" "$work/steps.py" none || as_seen=1
exit $as_seen
