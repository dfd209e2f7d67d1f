"""One run at a time in a folder, and nothing left of those that were killed."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import IO

from smart_nets.errors import InputError
from smart_nets.files import DRAFT, check_output

LOCK = ".running"


class RunFolder:
    """A folder that results of a run go to.

    The lock is one of the system's: it ends with the process, however that ends. Where a system or a disk knows none
    (Windows, some network disks), nothing is locked.
    """

    def __init__(self, folder: str | Path) -> None:
        self.folder = Path(folder)
        self._lock: IO[bytes] | None = None

    def claim(self) -> None:
        """Keep other runs out, and remove the drafts that killed ones left.

        Raises:
            InputError: another run is at work here, or the folder cannot be written.
        """
        check_output(self.folder)
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            self._lock = _own(self.folder / LOCK)
        except BlockingIOError as error:
            remedy = "wait until it ends, or give another output_dir"
            raise InputError("another run is at work here", where=self.folder, remedy=remedy) from error
        except OSError as error:
            remedy = "make room or choose another folder"
            raise InputError("cannot be written", where=self.folder, found=error.strerror, remedy=remedy) from error
        remove_drafts(self.folder)

    def leave(self) -> None:
        """Let other runs in."""
        if self._lock is not None:
            self._lock.close()
            self._lock = None


def remove_drafts(folder: Path) -> None:
    """Remove what writers that were killed left in a folder where nobody writes now."""
    for path in folder.glob(".*.part"):
        if re.search(DRAFT + "$", path.name):
            path.unlink(missing_ok=True)


def _own(path: Path) -> IO[bytes] | None:
    try:
        import fcntl
    except ImportError:  # Windows
        return None
    no_link = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o666)
    file = os.fdopen(no_link, "rb+")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.close()
        raise
    except OSError:  # a disk that knows no locks
        file.close()
        return None
    return file
