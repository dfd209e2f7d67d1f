"""What a classifier says about held-out lesions, on disk: predictions.csv, metrics.json, and examples.npz to look at."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from ignite.engine import Engine, Events
from monai.data import DataLoader, Dataset
from monai.networks.utils import eval_mode
from numpy.typing import NDArray
from torch import nn

from smart_nets.classify.evaluate import evaluate
from smart_nets.classify.inferer import reason_map, reason_name
from smart_nets.classify.lesions.crops import LesionCrops, overview_spacing
from smart_nets.errors import ConfigError
from smart_nets.files import whole, write_json
from smart_nets.lists.pseudonym import pseudonym
from smart_nets.networks.classifier import Classifier
from smart_nets.optional import absent, phase
from smart_nets.scans.window import window_hu
from smart_nets.statistics.predictions import Predictions
from smart_nets.training.run_record import update_record

logger = logging.getLogger(__name__)
Items = Sequence[Mapping[str, Any]]
WRITTEN = ("predictions.csv", "metrics.json", "examples.npz")
EXAMPLES = 4  # wrong answers and right ones to show, each


def predict(network: nn.Module, dataset: Dataset, batch_size: int = 32) -> NDArray[np.float64]:
    """Probability (n,) of class 1 for every "image" of a dataset, in its order, in evaluation mode."""
    device = next(network.parameters()).device
    batches = DataLoader(dataset, batch_size=batch_size)
    with eval_mode(network):
        parts = [network(batch["image"].to(device)).softmax(dim=1)[:, 1] for batch in batches]
    return torch.cat(parts).double().cpu().numpy()


def lesion_predictions(items: Items, probabilities: NDArray[np.float64], fold: int) -> Predictions:
    """Prepared items (`LesionCrops.prepare`) and their probabilities, with pseudonyms for patients."""
    return Predictions(
        rows=np.array([item["row"] for item in items]),
        patients=np.array([pseudonym(str(item["patient_id"])) for item in items]),
        folds=np.full(len(items), fold),
        labels=np.array([item["label"] for item in items]),
        probabilities=probabilities,
        sizes=np.array([item["size_mm"] for item in items], dtype=float),
    )


def examples(
    network: Classifier,
    items: Items,
    probabilities: NDArray[np.float64],
    crops: LesionCrops,
    crop_size: Sequence[int],
    window: tuple[float, float],
) -> dict[str, NDArray[Any]]:
    """The most confident mistakes, then the most confident right answers, with what was seen and where it was looked.

    Returns:
        "crop" int16 HU (n, D, H, W), "attention" or "occlusion" float32 of the same shape (`reason_map`), "label",
        "probability", "row", "size_mm" (n,), "spacing" (3,), "window" (2,); "overview" int16 HU (n, d, h, w), a larger field
        around each crop, and its "overview_spacing" (3,).
    """
    labels = np.array([item["label"] for item in items])
    surprise = np.abs(probabilities - labels)
    order = np.argsort(-surprise, kind="stable")
    wrong = [index for index in order if surprise[index] > 0.5][:EXAMPLES]
    right = [index for index in order[::-1] if surprise[index] <= 0.5][:EXAMPLES]
    chosen = wrong + right
    size = np.array(crop_size)
    cubes = []
    for index in chosen:
        array = crops.get(items[index]).array
        first = (np.array(array.shape) - size) // 2
        cubes.append(array[tuple(slice(a, a + n) for a, n in zip(first, size, strict=True))])
    crop = np.stack(cubes)
    image = window_hu(crop, *window)[:, None].to(next(network.parameters()).device)  # (n, D, H, W) -> (n, 1, D, H, W)
    with eval_mode(network), phase(f"what {len(chosen)} answers rest on"):
        shown = reason_map(network, image)
        fields = crops.around([items[index] for index in chosen], crop_size)
    return {
        "crop": crop,
        "label": labels[chosen],
        "probability": probabilities[chosen],
        "row": np.array([items[index]["row"] for index in chosen]),
        "size_mm": np.array([items[index]["size_mm"] for index in chosen], dtype=float),
        "spacing": np.array(crops.spacing),
        "overview": np.stack([one.array for one in fields]),
        "overview_spacing": np.array(overview_spacing(crop_size, crops.spacing)),
        "window": np.array(window),
        reason_name(network.feature): shown[:, 0].float().cpu().numpy(),
    }


class LesionResults:
    """Handler and function: predict the held-out lesions, write and log the results; rank 0 only.

    Args:
        network: the classifier, not wrapped.
        items: held-out lesions, prepared.
        dataset: the same lesions as "image" (1, D, H, W) in [0, 1], in the same order, nothing random.
        crops, crop_size, window: how they were cut and windowed.
        folder: where predictions.csv, metrics.json and examples.npz go.
        fold: written beside every prediction.

    Raises:
        ConfigError: the lesions are of one patient, so that no interval could be told; better before training than after.
    """

    def __init__(
        self,
        network: Classifier,
        items: Items,
        dataset: Dataset,
        crops: LesionCrops,
        crop_size: Sequence[int],
        window: tuple[float, float],
        folder: str | Path,
        fold: int = 0,
        rank: int = 0,
    ) -> None:
        patients = len({str(item["patient_id"]) for item in items})
        if patients < 2:
            what = "too few patients for an interval"
            remedy = "hold out more patients"
            raise ConfigError(what, where="held-out lesions", expected="2 or more", found=patients, remedy=remedy)
        self.network, self.items, self.dataset, self.crops = network, items, dataset, crops
        self.crop_size, self.window, self.folder, self.fold, self.rank = crop_size, window, Path(folder), fold, rank

    def attach(self, engine: Engine) -> None:
        if self.rank == 0:
            engine.add_event_handler(Events.STARTED, self.forget)
            engine.add_event_handler(Events.COMPLETED, self.finish)

    def forget(self) -> None:
        """Remove the results of an earlier run of this folder, which an interruption would leave beside a new run.json."""
        for name in (*WRITTEN, "report.html"):
            (self.folder / name).unlink(missing_ok=True)

    def finish(self) -> None:
        """Measure after training; where the packages that count are missing, write the predictions alone and tell it."""
        if absent(
            "metrics of held-out lesions", "scipy", "sklearn", later="run evaluate.json where they are installed"
        ):
            self.predict()
        else:
            self.write()

    def predict(self) -> tuple[NDArray[np.float64], Predictions]:
        """Write predictions.csv; returns the probabilities (n,) of class 1, and all that the file holds."""
        probabilities = predict(self.network, self.dataset)
        predictions = lesion_predictions(self.items, probabilities, self.fold)
        self.folder.mkdir(parents=True, exist_ok=True)
        predictions.write(self.folder / "predictions.csv")
        return probabilities, predictions

    def write(self) -> dict[str, Any]:
        """Measure now; returns what metrics.json holds."""
        probabilities, predictions = self.predict()
        found = evaluate(predictions)
        write_json(self.folder / "metrics.json", found)
        looks = examples(self.network, self.items, probabilities, self.crops, self.crop_size, self.window)
        with whole(self.folder / "examples.npz") as draft, draft.open("wb") as file:
            np.savez_compressed(file, **looks)  # type: ignore[arg-type]
        update_record(self.folder / "run.json", auc=found["metrics"]["auc"])
        logger.info("held-out lesions: %s", results_in_words(found))
        return found


def results_in_words(found: Mapping[str, Any]) -> str:
    """One line: how many, the AUC with its interval, and what the size alone gives."""
    auc, size = found["metrics"]["auc"], found.get("size_only")
    interval = "no interval" if auc["low"] is None else f"{auc['low']:.3f} to {auc['high']:.3f}"
    line = f"{found['cases']} lesions of {found['patients']} patients, AUC {auc['value']:.3f} ({interval})"
    return line if not size else f"{line}; by size alone {size['auc']['value']:.3f}"
