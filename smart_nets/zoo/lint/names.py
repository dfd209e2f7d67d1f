"""What a configuration may name: short lists of what is known to be harmless. Whatever is not in them is a fault."""

from __future__ import annotations

import re

# import statement -> the names it brings, whole: `torch.hub.load`, `torch.os.system` and `os.path.os` run any program
IMPORTS = {
    "import collections": ("collections.Counter",),
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
    "all", "any", "bool", "dict", "enumerate", "float", "int", "isinstance", "len", "list", "max", "min", "range", "reversed",
    "next", "round", "set", "sorted", "str", "sum", "tuple", "zip",
}  # fmt: skip

# of any object. By others, such as `gi_frame` of a generator, a way leads to every module and from there to every program
ATTRIBUTES = {
    *("attach", "cell", "expanduser", "numel", "parameters", "prepare"),
    *("requires_grad", "run", "stride", "to", "write"),
}

MONAI = {
    "Activationsd", "AsDiscreted", "CacheDataset", "CenterSpatialCropd", "Compose", "CopyItemsd", "CropForegroundd",
    "DataLoader", "Dataset", "DeleteItemsd", "DistributedSampler", "EnsureChannelFirstd", "EnsureTyped", "FlattenSubKeysd",
    "Invertd", "LoadImaged", "LrScheduleHandler", "MeanDice", "Orientationd", "ROCAUC", "RandFlipd", "RandRotate90d",
    "RandSpatialCropd", "ResizeWithPadOrCropd", "SaveImaged", "ScaleIntensityRanged", "SelectItemsd", "SimpleInferer",
    "SlidingWindowInferer", "Spacingd", "SpatialPadd", "StatsHandler", "SupervisedEvaluator", "SupervisedTrainer",
    "ValidationHandler", "WarmupCosineSchedule",
}  # fmt: skip

# a name with a capital is a class; a longer path would lead through a module into others: torch.nn.functional.torch.os
CLASSES = re.compile(
    r"torch\.optim\.(lr_scheduler\.)?[A-Z]\w*|torch\.nn\.(parallel\.)?[A-Z]\w*|ignite\.(engine|handlers|metrics)\.[A-Z]\w*",
    re.ASCII,
)
IO = re.compile(r"(ITK|Nibabel|Numpy|Nrrd|PIL|Pydicom)(Reader|Writer)")  # of LoadImaged and SaveImaged
