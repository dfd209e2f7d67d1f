"""How far exported networks are from their own: TorchScript, torch.export and ONNX of an encoder and of a classifier.

python benchmarks/export.py ENCODER CLASSIFIER     weights with their cards, e.g. of `make pretrain` and of smart_lidc_classify
"""

from __future__ import annotations

import argparse
import tempfile
from datetime import date
from pathlib import Path

from smart_nets.files import write_json
from smart_nets.training.run_record import hardware, versions
from smart_nets.zoo.export import export

RESULTS = Path(__file__).parent / "results" / "export.json"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("encoder", type=Path)
    parser.add_argument("classifier", type=Path)
    args = parser.parse_args()
    found: dict[str, dict[str, float]] = {}
    for name, model in (("encoder", args.encoder), ("classifier", args.classifier)):
        with tempfile.TemporaryDirectory() as folder:
            found[name] = {one.format: one.difference for one in export(model, folder)}
        print(name, {form: f"{difference:.1e}" for form, difference in found[name].items()}, flush=True)
    write_json(RESULTS, {
        "command": "python benchmarks/export.py ENCODER CLASSIFIER", "date": str(date.today()), "hardware": hardware(),
        "versions": versions(), "largest_difference_over_largest_output": found,
    })  # fmt: skip


if __name__ == "__main__":
    main()
