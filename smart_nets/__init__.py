"""SMART for 3-D CT: networks, losses, training, data and evaluation behind the MONAI bundles of this repository."""

import os

__version__ = "0.1.0"

# in a container whose user has no name, libraries that ask for one at import would fail
if hasattr(os, "getuid") and not any(os.environ.get(name) for name in ("LOGNAME", "USER", "LNAME", "USERNAME")):
    os.environ["USER"] = f"uid{os.getuid()}"
