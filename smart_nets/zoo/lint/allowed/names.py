"""What an expression may name: short lists of what is known to be harmless. Whatever is not in them is a fault."""

from __future__ import annotations

import re

# import statement -> the names it brings, whole: `torch.hub.load`, `torch.os.system` and `os.path.os` run any program
IMPORTS = {
    "import collections": ("collections.Counter",),
    "import math": ("math.ceil", "math.exp", "math.floor", "math.inf", "math.log", "math.pi", "math.sqrt"),
    "import numpy as np": ("np.float16", "np.float32", "np.int16", "np.int32", "np.int64", "np.uint8"),
    "import os": (
        *("os.path.abspath", "os.path.basename", "os.path.dirname", "os.path.exists", "os.path.expanduser"),
        *("os.path.isdir", "os.path.isfile", "os.path.join"),
    ),
    "import pathlib": ("pathlib.Path",),
    "import sys": ("sys.argv", "sys.path"),
    "import torch": (
        *("torch.cuda.current_device", "torch.cuda.device_count", "torch.cuda.is_available"),
        *("torch.device", "torch.bfloat16", "torch.float16", "torch.float32"),
    ),
    "import torch.distributed as dist": ("dist.get_rank", "dist.get_world_size"),
    "from monai.handlers import from_engine": ("from_engine",),
    "from monai.utils import set_determinism": ("set_determinism",),
}

BUILTINS = {
    "abs", "all", "any", "bool", "dict", "enumerate", "float", "int", "isinstance", "len", "list", "max", "min", "range",
    "reversed", "next", "round", "set", "sorted", "str", "sum", "tuple", "zip",
}  # fmt: skip

# of any object. By others, such as `gi_frame` of a generator, a way leads to every module and from there to every program
ATTRIBUTES = {
    *("attach", "cell", "endswith", "expanduser", "get", "items", "keys", "lower", "numel", "parameters", "prepare"),
    *("requires_grad", "run", "shape", "split", "startswith", "stride", "strip", "to", "upper", "values", "write"),
}
WRITES = "write"  # the one of them that writes where its first argument says

IO = re.compile(r"(ITK|Nibabel|Nrrd|PIL|Pydicom)(Reader|Writer)|smart_nets\.scans\.files\.monai_writer\.WholeWriter")
