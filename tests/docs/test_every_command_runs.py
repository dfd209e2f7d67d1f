"""Every command of README and docs is run, on small phantoms and for one epoch; those that are not are listed with the reason.

What is typed is what the page says. Only these are exchanged: paths and addresses of the user's by what lies on the desk
(conftest.py), a preset for GPUs by `tiny`; and what makes a run short is added where the page does not say it.
"""

from __future__ import annotations

import csv
import html
import json
import re
import shlex
import shutil
import subprocess
import time
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from fixtures.commands import Command, every_command

from smart_nets.cli.bundles import BUNDLES, DEFAULTS, RUNNABLE

NOT_RUN = {
    line: why
    for why, lines in json.loads((Path(__file__).parent / "not_run.json").read_text()).items()
    for line in lines
}
RUN = [command for command in every_command() if command.line not in NOT_RUN]
NETWORK = {"preset": "tiny", "max_epochs": 1, "num_workers": 0}
TRAINING = {
    "smart_pretrain": {
        **NETWORK, "phantoms": 2, "spacing": "[8,8,8]", "crop_size": "[32,32,32]", "visits_per_epoch": 1, "batch_size": 2,
        "organ_patients": 2, "out_dim": 64, "architecture#depths": "[1,1,1,1]",
    },
    "smart_lidc_classify": {**NETWORK, "phantoms": 4, "crop_size": "[32,32,32]", "margin": 1, "batch_size": 8, "folds": 2,
                            "feature": "cls"},
    "smart_segment": {
        **NETWORK, "phantoms": 3, "crop_size": "[64,32,32]", "steps_per_epoch": 1, "batch_size": 1, "folds": 3,
        "spacing": "[10,10,10]",
    },
}  # fmt: skip
NOISE = re.compile(  # what libraries say that tells a user nothing: another time format, addresses, what is told already
    r"^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3}|0x[0-9a-f]{8,}|resuming from iteration|Complete\. Time taken|nvimage|nvimgcodec",
    re.MULTILINE | re.IGNORECASE,
)
CENTRE = "[-56.4,-86.3,-116.0]"  # of a lesion; there is none at this place
SHORT = {
    **{(bundle, "train"): options for bundle, options in TRAINING.items()},
    ("smart_pretrain", "evaluate"): {"organ_patients": 2},
    ("smart_zeroshot_seg", "evaluate"): {"phantoms": 1, "random_encoders": 1, "model_path": "{desk}/kept/model.pt"},
    ("smart_organ_cluster", "evaluate"): {"phantoms": 2, "random_encoders": 1, "umap_seeds": 1},
    ("smart_segment", "evaluate"): {"phantoms": 2},
}
ALSO = {  # what is added to a command in whose bundle and line the pattern is found
    "smart_segment .*(--pretrained|scratch.json|frozen|few_shot)": {"dataset_dir": "{desk}/nnUNet_raw/Dataset007"},
    "fields.npz": {"model_path": "{desk}/bundles/smart_pretrain/models/small.pt"},
    "boxes.npz": {"model_path": "{desk}/bundles/smart_pretrain/models/small.pt"},
    "attend /my/cts": {"spacing": 8},
    "zoo package": {"bundles": "{desk}/bundles"},
    "zoo export": {"formats": "torchscript"},
}


def name_of(command: Command) -> str:
    return f"{command.page.replace('/docs/README.md', '')}: {command.line[-60:]}"


@pytest.mark.parametrize("command", RUN, ids=name_of)
def test_a_command_runs(command, desk, server, type_in, tmp_path, capfd):
    folder = desk / command.bundle
    if command.words[0] == "openssl":  # not where the key is that the archives are signed with
        shutil.copy(desk / "private.pem", tmp_path)
        subprocess.run(command.words, check=True, cwd=tmp_path, capture_output=True)
        return
    words = [placed(word, command, desk, server) for word in command.words]
    words = ["tiny" if before == "--preset" else word for before, word in pairwise(["", *words])]
    bundle, kind = bundle_of(words)
    further = [options for text, options in ALSO.items() if re.search(text, f"{command.bundle} {command.line}")]
    words += added(words, [SHORT.get((bundle, kind), {}), *further], desk)
    begun = time.time()
    type_in(words, folder)
    assert not NOISE.findall("".join(capfd.readouterr()))
    for place in places_told(words, folder, desk / "bundles" / bundle if "run" in words else None):
        found = [path.stat().st_mtime for path in [place, *place.rglob("*")]]
        assert max(found) >= begun - 1, f"nothing new in {place}"


def placed(word: str, command: Command, desk: Path, server: str) -> str:
    """A word with what is the user's, and the folder that a page is read in, as they are here."""
    if command.folder:
        word = re.sub(r"(?<=')(?=[\w/]+\.json')", f"{desk}/{command.folder}/", word)
    elif command.bundle:
        word = re.sub(r"(?<![\w/])configs/", f"{desk}/bundles/{command.bundle}/configs/", word)
    if "compare" in command.line:  # trainings of this session would write into the same folders
        word = word.replace("/my/", f"{desk}/compared/")
    word = re.sub(r"(?<![\w/.])/(?=(my|data|opt)/)", f"{desk}/", word)
    word = re.sub(r"https://zoo\.my-hospital/|http://127\.0\.0\.1:8765", server, word)
    if word == CENTRE:
        return centre_of(desk / "smart_lidc_classify" / "lesions.csv")
    if word == "OUT" and "zoo export" in command.line:  # archives lie in the other
        return "exported"
    return {"SCAN": "scan.nii.gz", "pretraining.json": f"{desk}/checked/pretraining.json"}.get(word, word)


def centre_of(table: Path) -> str:
    """The place of the first lesion."""
    with table.open() as file:
        row = next(csv.DictReader(file))
    return f"[{row['x']},{row['y']},{row['z']}]"


def bundle_of(words: list[str]) -> tuple[str, str]:
    """The bundle that a command runs, and by which of its configurations; two empty texts for other commands."""
    if "monai.bundle" in words and "run" in words:
        files = words[words.index("--config_file") + 1]
        kind = next(kind for kind in RUNNABLE if f"{kind}.json" in files)
        return next(name for name in BUNDLES.values() if f"/{name}/" in files), kind
    verb = next((word for word in words if word in BUNDLES), None)
    if verb is None or "settings" in words:
        return "", ""
    return BUNDLES[verb], next((kind for kind in RUNNABLE if kind in words), DEFAULTS.get(verb, "train"))


def added(words: list[str], tables: list[dict[str, Any]], desk: Path) -> list[str]:
    """Names and values that a command does not tell itself."""
    options = {name: value for table in tables for name, value in table.items() if f"--{name}" not in words}
    return [part for name, value in options.items() for part in (f"--{name}", str(value).replace("{desk}", str(desk)))]


def places_told(words: list[str], folder: Path, bundle: Path | None) -> list[Path]:
    """Where a command says that it writes; else where its bundle does."""
    told = [
        folder / words[n + 1] for n, word in enumerate(words) if word in ("--output_dir", "--output", "--bundle_dir")
    ]
    return told or ([bundle / "eval"] if bundle else [])


def test_what_is_not_run_is_told_by_what_the_pages_say():
    said = {command.line for command in every_command()}
    assert not set(NOT_RUN) - said, "is no command of the pages any more"
    assert len(RUN) > 70


SMART = "python -m smart_nets"
AGAIN = {  # what makes a report, and the record in which its second run must tell the same
    "pretrain": ([f"{SMART} pretrain --dataset_dir {{desk}}/my/cts --max_epochs 2"], "run.json"),
    "classify": ([], "run.json"),
    "segment": ([], "run.json"),
    "attend": ([f"{SMART} attend {{desk}}/my/cts/scan.nii.gz --model {{model}},random --percentile 80"], ""),
    "zeroshot": (
        [f"{SMART} zeroshot evaluate --dataset_dir {{desk}}/my/cts --model_path {{model}} --percentile 80"], "localize.json",
    ),
    "cluster": ([f"{SMART} cluster --model_path {{model}}"], "clusters.json"),
    "probe": (
        [f"{SMART} features {{desk}}/lesions.csv --model {{model}} --output {{desk}}/probed.npz",
         f"{SMART} probe {{desk}}/probed.npz --folds 2 --seed 3"],
        "run.json",
    ),
}  # fmt: skip
MADE = {"classify": "smart_lidc_classify/run", "segment": "smart_segment/run"}  # while the desk was laid


@pytest.mark.parametrize("task", AGAIN)
def test_what_a_report_says_is_done_again(task, desk, type_in, tmp_path):
    """The command of the page, with the places filled in, runs, and to the same settings as before."""
    lines, record = AGAIN[task]
    first, again = desk / MADE[task] if task in MADE else tmp_path / "first", tmp_path / "again"

    def do(words: list[str], output: Path) -> None:
        told = [] if "--output" in words or "--output_dir" in words else ["--output_dir", str(output)]
        words = [*words, *told]
        type_in(words + added(words, [SHORT.get(bundle_of(words), {})], desk), tmp_path)

    for line in lines:
        do(shlex.split(line.format(desk=desk, model=desk / "kept/model.pt")), first)
    page = next(path for place in (first / "eval", first) for path in place.glob("*.html")).read_text()
    (command,) = re.findall(r"<pre>(python.*?)</pre>", page, re.DOTALL)
    do([filled(word, desk, again) for word in shlex.split(html.unescape(command).replace("\\\n", " "))], again)
    assert any(again.rglob("*.html"))
    if record:
        told = [json.loads(next(folder.rglob(record)).read_text()) for folder in (first, again)]
        assert told[0]["settings"] == told[1]["settings"]


def filled(word: str, desk: Path, output: Path) -> str:
    """A word with the places that a page leaves open."""
    places = {
        "scan": desk / "my/cts/scan.nii.gz", "scans": desk / "my/cts", "cts": desk / "my/cts",
        "features.npz": desk / "probed.npz", "output": output,
        "lesions.csv": desk / "smart_lidc_classify/lesions.csv", "cases.csv": desk / "smart_segment/cases.csv",
    }  # fmt: skip
    named = re.sub(r"/path/to/([\w.]+)$", lambda found: str(places.get(found[1], found[0])), word)
    return re.sub(r"/path/to/[\w.]+\.pt", str(desk / "kept/model.pt"), named)
