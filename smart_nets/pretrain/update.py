"""What surrounds the step: views from the loader, autocast, accumulation, clipping, schedules, health, and the log.

`CoDistillationUpdate` is the `iteration_update` of MONAI's `SupervisedTrainer`, so every MONAI and ignite handler works.
"""

from __future__ import annotations

import contextlib
import math
import time
from typing import Any, cast

import torch
import torch.distributed as dist
from monai.engines import SupervisedTrainer
from torch import Tensor

from smart_nets.allocator import keep_freed_memory
from smart_nets.errors import TrainingHealthError
from smart_nets.pretrain.co_distillation import CoDistillation
from smart_nets.pretrain.schedules import Schedules
from smart_nets.pretrain.step_checks import LOGGED
from smart_nets.scans.window import WINDOW, window_hu
from smart_nets.settings import between, one_of
from smart_nets.training.bad_batches import BadBatches
from smart_nets.training.optimisation import clip_each, freeze_last_layers, set_rates

# of `Distilled`: its field, and the name in the log
OF_DISTILLATION = {"entropy": "teacher_entropy", "information": "teacher_information", "gain": "gain"}


class CoDistillationUpdate:
    """One iteration of pretraining.

    Args:
        schedules: learning rate, weight decay, momentum and temperature.
        accumulation_steps: iterations per optimiser step; gradients and centres are those of the joint batch.
        clip: largest gradient norm of a single tensor (3.0; 0 switches it off).
        freeze_epochs: how long the heads' last layers rest.
        autocast: "bf16" computes convolutions and matrices in bfloat16 (softmax and losses stay fp32), "off" in fp32.
        window: HU that become 0 and 1, for views that come as int16 HU: half the bytes to move, windowed on the device.
        guided_from: epochs during which the mask is random although it follows attention: a young attention says nothing,
            and a mask that follows it from the first step degenerates (docs/experiments.md).
        patience: non-finite steps in a row that are skipped before training stops.
        bad_batches: where the batches of such steps are kept; None keeps none.
    """

    def __init__(
        self,
        schedules: Schedules,
        accumulation_steps: int = 1,
        clip: float = 3.0,
        freeze_epochs: float = 1,
        autocast: str = "off",
        patience: int = 5,
        window: tuple[float, float] = WINDOW,
        guided_from: float = 0,
        bad_batches: BadBatches | None = None,
    ) -> None:
        between("guided_from", guided_from, 0)
        one_of("autocast", autocast, ("bf16", "off"), "fp16 is left out on purpose: it overflows in this method")
        between("accumulation_steps", accumulation_steps, 1)
        self.schedules, self.accumulation_steps, self.clip = schedules, accumulation_steps, clip
        self.freeze_epochs, self.autocast, self.patience = freeze_epochs, autocast, patience
        self.window, self.guided_from, self.skipped_in_a_row = window, guided_from, 0
        self.bad_batches = bad_batches
        keep_freed_memory()
        self._clock = time.perf_counter()

    def __call__(self, engine: SupervisedTrainer, batch: dict[str, Any]) -> list[dict[str, Any]]:
        state, optimizer = engine.state, engine.optimizer
        model = cast(CoDistillation, getattr(engine.network, "module", engine.network))
        epoch = state.iteration / state.epoch_length  # epochs done when this iteration ends
        now = self.schedules.at(epoch)
        in_epoch = (state.iteration - 1) % state.epoch_length + 1
        last = in_epoch % self.accumulation_steps == 0 or in_epoch == state.epoch_length

        network: Any = engine.network.train()
        alone = last or network is model  # ranks meet at the last part
        with contextlib.nullcontext() if alone else network.no_sync():
            out = self.losses(engine, batch, now, epoch)
            (out["loss"] / self.accumulation_steps).backward()

        if last:
            set_rates(optimizer, now["lr"], now["weight_decay"])
            if epoch - 1 / state.epoch_length < self.freeze_epochs:
                freeze_last_layers(model.student.heads.values())
            out["grad_norm"] = clip_each(model.parameters(), self.clip)
        log = self._log(out, model)
        if last:
            fine = self._finish(optimizer, model, log["grad_norm"], now["momentum"])
            optimizer.zero_grad(set_to_none=True)
            if not fine:
                self._skipped(batch, model, state.iteration, state.epoch_length, math.isfinite(log["loss"]))
        elapsed, self._clock = time.perf_counter() - self._clock, time.perf_counter()
        log |= {"step": state.iteration, "epoch": state.epoch, "seconds": elapsed, **now}
        return [{"loss": out["loss"].detach(), "log": log}]  # a list, as the handlers of MONAI read

    def losses(
        self, engine: SupervisedTrainer, batch: dict[str, Any], now: dict[str, float], epoch: float
    ) -> dict[str, Any]:
        """What the method says of a batch as the loader gives it: the losses, before their gradients."""
        views = two_views(batch["views"].to(engine.state.device, non_blocking=True))
        views = views if views.is_floating_point() else window_hu(views, *self.window)
        with torch.autocast(views.device.type, torch.bfloat16, enabled=self.autocast == "bf16"):
            return cast(Any, engine.network)(
                views, now["teacher_temperature"], epoch > self.guided_from, now["patch_temperature"]
            )

    def _log(self, out: dict[str, Any], model: CoDistillation) -> dict[str, Any]:
        """The step's numbers, fetched from the device in one go, since each fetch waits for it."""
        names = [name for name in (*LOGGED, *model.more, "grad_norm") if name in out]
        names += [f"{name}_{what}" for what in OF_DISTILLATION for name in model.distil]
        values = torch.stack([out[name].detach().double().to(out["loss"].device) for name in names]).tolist()
        numbers = dict(zip(names, values, strict=True))
        told = {
            told: {name: numbers.pop(f"{name}_{what}") for name in model.distil}
            for what, told in OF_DISTILLATION.items()
        }
        return numbers | told

    def _finish(self, optimizer: torch.optim.Optimizer, model: CoDistillation, norm: float, momentum: float) -> bool:
        """Take the step, or skip it on all ranks when a gradient is not finite on any."""
        if _everywhere(math.isfinite(norm), next(model.parameters()).device):
            optimizer.step()
            model.after_step(momentum)
            self.skipped_in_a_row = 0
            return True
        model.skip_step()
        self.skipped_in_a_row += 1
        return False

    def _skipped(self, batch: dict[str, Any], model: CoDistillation, step: int, length: int, own_fine: bool) -> None:
        """Keep the batch where it was bad, and stop training when nothing but such steps come."""
        kept = self.bad_batches
        if kept is not None and (kept.rank == 0 or not own_fine):
            kept.keep(batch, model, step, length)
        if self.skipped_in_a_row > self.patience:
            what, expected = "gradients are not finite any more", f"at most {self.patience} such steps in a row"
            files = f" (kept: {', '.join(map(str, kept.files))})" if kept is not None and kept.files else ""
            remedy = f"lower the learning rate or lengthen the warm-up, and check the data for broken scans{files}"
            raise TrainingHealthError(
                what, where=f"step {step}", expected=expected, found=self.skipped_in_a_row, remedy=remedy
            )


def two_views(views: Tensor) -> Tensor:
    """(B, 2P, ...) of a loader -> (2BP, ...): u of every place of every scan, then v of every place of every scan."""
    return views.unflatten(1, (2, -1)).transpose(0, 1).flatten(0, 2)  # (B, 2P, ...) -> (2, B, P, ...) -> (2BP, ...)


def _everywhere(fine: bool, device: torch.device) -> bool:
    """True when it is fine on every rank."""
    if not (dist.is_available() and dist.is_initialized()):
        return fine
    flag = torch.tensor(float(fine), device=device)
    dist.all_reduce(flag, op=dist.ReduceOp.MIN)
    return bool(flag)
