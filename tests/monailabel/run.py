"""Serve the packaged bundles with the real MONAI Label and compare every answer with `monai.bundle run`.

`make test-monailabel` makes the environment and calls this. Nothing but 127.0.0.1 is used; the server is stopped at the end,
whatever happens. The last line is `N passed, M failed`.
"""

from __future__ import annotations

import argparse
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.append(str(Path(__file__).parents[1]))  # for tests/fixtures
from archives import LIMIT, copy_bundles, package, unpack
from checks import (
    CHECKS,
    CLASSIFICATION,
    PLAIN,
    SEGMENTATION,
    SEGMENTER,
    Bench,
    infers_a_batch,
    learns_from_labels,
    segments_a_real_chest,
)
from server import BIN, Server, clean_environment

from smart_nets.phantom import ORGANS, make_phantom
from smart_nets.phantom.write import write_image

REAL = Path("chest_2mm") / "c3n00247.nii.gz"
SPACING = (3.0, 3.0, 3.0)  # mm


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--bundles", type=Path, help="folder of bundles with their weights; default stand-in weights")
    parser.add_argument("--work", type=Path, help="keep archives, results and the server's log in this new folder")
    given = parser.parse_args()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda number, _: sys.exit(128 + number))  # the server is stopped on the way out
    with tempfile.TemporaryDirectory() as temporary:
        work = (given.work or Path(temporary) / "work").resolve()
        work.mkdir(parents=True)
        print(f"server's log: {work / 'server.log'}{'' if given.work else ' (until the end; --work FOLDER keeps it)'}")
        failed, passed = check(work, given.bundles.resolve() if given.bundles else copy_bundles(work / "bundles"))
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


def check(work: Path, bundles: Path) -> tuple[int, int]:
    """Package, serve, and run all checks; how many failed and passed."""
    app, studies = work / "app" / "monaibundle", work / "studies"
    done = package(bundles, work / "zips", SEGMENTATION, CLASSIFICATION, SEGMENTER, PLAIN)
    if done.returncode:
        raise SystemExit(f"the bundles cannot be packaged: {done.stderr}")
    subprocess.run([BIN / "monailabel", "apps", "--download", "--name", "monaibundle", "--output", app.parent],
                   env=clean_environment(), check=True, capture_output=True, timeout=LIMIT)  # fmt: skip
    for name in (SEGMENTATION, CLASSIFICATION, SEGMENTER):
        unpack(work / "zips", name, app / "model")
    unpack(work / "zips", PLAIN, work / "plain")
    centres = write_studies(studies, work / "drawn")
    checks = list(CHECKS)
    if (studies / "real.nii.gz").is_file():
        checks.append(segments_a_real_chest)
    else:
        print("left out: a real chest (SMART_REAL_DATA is not set)")
    with Server(app, studies, [SEGMENTATION, CLASSIFICATION, SEGMENTER], work / "server.log") as server:
        bench = Bench(server, work, bundles, app / "model", work / "plain", studies, centres)
        passed = sum(holds(one, bench) for one in (*checks, infers_a_batch, learns_from_labels))
    return len(checks) + 2 - passed, passed


def write_studies(folder: Path, drawn: Path) -> list[list[float]]:
    """Two phantoms, the first with two nodules, and a real chest if there is one; the nodules' centres in RAS mm.

    What a clinician would draw on the phantoms goes to `drawn`: the liver is 1, the heart 2.
    """
    folder.mkdir()
    phantom, other = make_phantom(0, SPACING, 2, "chest"), make_phantom(1, SPACING, 0, "chest")
    for name, one in (("phantom", phantom), ("other", other)):
        write_image(one.image, one.affine, folder / f"{name}.nii.gz")
        organs = 1 * (one.labels == ORGANS["liver"]) + 2 * (one.labels == ORGANS["heart"])
        write_image(organs.astype("uint8"), one.affine, drawn / f"{name}.nii.gz")
    real = Path(os.environ.get("SMART_REAL_DATA", "")) / REAL
    if os.environ.get("SMART_REAL_DATA"):
        shutil.copy(real, folder / "real.nii.gz")
    return [[round(value, 2) for value in lesion.centre_mm] for lesion in phantom.lesions]


def holds(one: object, bench: Bench) -> bool:
    """Run one check and print its line."""
    begin, said, error = time.monotonic(), str(one.__doc__).splitlines()[0], None
    try:
        one(bench)  # type: ignore[operator]
    except Exception as caught:  # whatever goes wrong is this check's failure, and the next ones still run
        error = " ".join(f"{type(caught).__name__} {caught}".split())[:400]
    seconds = time.monotonic() - begin
    print(f"{'FAIL' if error else 'ok  '} {said} ({seconds:.1f} s){f': {error}' if error else ''}", flush=True)
    return error is None


if __name__ == "__main__":
    sys.exit(main())
