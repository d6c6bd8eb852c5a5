#!/usr/bin/env python3
"""Runs a program as processes of two hosts (hosts.py): two on each.

usage: between_hosts.py MPIEXEC PROGRAM [ARGUMENT...]

Exits as it does, or with 77 and the reason where there can be no hosts.
"""

import subprocess
import sys
from pathlib import Path

from hosts import Hosts, Missing

mpiexec, program, *arguments = sys.argv[1:]
try:
    with Hosts(1) as both:
        code = subprocess.run([*both.launcher(mpiexec, (2, 2)), str(Path(program).resolve()), *arguments],
                              stdin=subprocess.DEVNULL, check=False).returncode
except Missing as reason:
    print(f"skipped: {reason}")
    code = 77
sys.exit(code)
