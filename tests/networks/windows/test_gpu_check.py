"""benchmarks/gpu_check.py on a machine without a GPU."""

import os
import subprocess
import sys
from pathlib import Path

FILE = Path(__file__).parents[3] / "benchmarks" / "gpu_check.py"


def test_without_a_gpu_it_says_so():
    environment = {**os.environ, "CUDA_VISIBLE_DEVICES": ""}
    done = subprocess.run([sys.executable, FILE], env=environment, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.splitlines()[-1] == "gpu_check.py needs a GPU that torch sees, and there is none"
