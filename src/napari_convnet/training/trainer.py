"""A training under way: `Trainer.events` is the loop, to be read from top to bottom."""

from __future__ import annotations

import math
import time
from collections.abc import Generator, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from napari_convnet.data import Batch, Part, prefetch
from napari_convnet.document import Train
from napari_convnet.model import ConvNet, device_name, load_weights

from .checkpoint import Checkpoints, Pace, Progress
from .control import Control
from .evaluation import is_optimistic
from .events import Epoch, Event, Failed, Finished, Paused, Resumed, Snapshot, Started, Step
from .metrics import listed, per_class
from .plan import Plan
from .randomness import seeded
from .run import STATE, rewind
from .schedule import learning_rate
from .tasks import Measured

_SHORT = {"bfloat16": torch.bfloat16, "float16": torch.float16}


class Trainer:
    """A training under way.

    Parameters
    ----------
    plan : Plan
        What is trained, on what.
    run : Path
        Its run directory.
    control : Control
        Who may pause and stop it.
    pace : Pace
        When files are written.
    resume : bool
        Whether to take up the run's last state.
    """

    def __init__(self, plan: Plan, run: Path, control: Control, pace: Pace, resume: bool) -> None:
        self.plan, self.run, self.control, self.pace = plan, run, control, pace
        self.settings, self.net, model = plan.settings, plan.net, plan.net.model
        self.optimizer = _optimizer(self.settings, model)
        half = self.settings.precision == "float16"
        self.scaler = torch.amp.GradScaler(plan.device.type, enabled=half)
        examples = plan.examples
        self.files = Checkpoints(
            run,
            model,
            self.optimizer,
            self.scaler,
            classes=examples.classes,
            signature=examples.signature,
            rate=examples.rate,
        )
        self.at = self._resumed() if resume else Progress()
        self._draws = any(layer.op == "drop" for layer in model.network)
        self._tallies: list[tuple[Tensor, ...]] = []
        self._written = -1
        self._began = (self.at.step, self.at.seconds)
        self._last_tick = time.perf_counter()

    def _resumed(self) -> Progress:
        # A run that was killed before its first state begins anew, and comes to the same end.
        at = self.files.load_state() if (self.files.folder / STATE).exists() else Progress()
        rewind(self.run, at.step, at.epoch)
        return at

    # ------------------------------------------------------------ the loop

    def events(self) -> Iterator[Event]:
        """Train from where it is to the end."""
        at = self.at
        self.net.model.train()
        yield self._started()
        yield from self._save_if_due()
        while at.epoch <= self.settings.epochs:
            with self._batches() as coming:
                for images, targets in coming:
                    if self.control.paused:
                        yield from self._hold()
                    if self.control.stopping:
                        break
                    lr = learning_rate(self.settings, at.step, self.plan.steps)
                    loss = self._step(images, targets, lr)
                    if not math.isfinite(loss):
                        yield Failed(self._diverged(loss, lr), at.step)
                        return
                    yield Step(at.step, at.epoch, loss, lr, at.seconds)
                    yield from self._save_if_due()
            epoch = self._end_of_epoch()
            if epoch is None:  # stopped
                break
            yield epoch
            if self.pace.state_due(at.step):
                self._save_state()
        yield from self._finish()

    @contextmanager
    def _batches(self) -> Iterator[Iterable[Batch]]:
        """Make the epoch's batches, the next ones in a thread while one is computed with."""
        plan, settings = self.plan, self.settings
        coming = prefetch(
            plan.examples.batches(
                settings.batch,
                settings.seed,
                self.at.epoch,
                plan.pipeline.augment,
                start=self.at.batch,
            )
        )
        try:
            yield coming
        finally:  # a loop that is left early must not leave the thread behind
            cast(Generator[Batch], coming).close()

    def _step(self, images: NDArray[np.float32], targets: NDArray[Any], lr: float) -> float:
        """Change the weights once; give the loss before it."""
        x = torch.from_numpy(images).to(self.plan.device, non_blocking=True)
        y = torch.from_numpy(targets).to(self.plan.device, non_blocking=True)
        for group in self.optimizer.param_groups:
            group["lr"] = lr
        with torch.enable_grad():
            with self._randomness(), self._precision():
                outputs = self.net.outputs(x)
            loss = self.net.loss(outputs, y)
            self.optimizer.zero_grad()
            self.scaler.scale(loss).backward()  # type: ignore[no-untyped-call]
            self.scaler.step(self.optimizer)
            self.scaler.update()
        self._tallies.append(self.net.tally(outputs, y))
        return self._count(float(loss.detach()), len(targets))

    def _randomness(self) -> AbstractContextManager[None]:
        if not self._draws:
            return nullcontext()
        return seeded(self.plan.device, self.settings.seed, self.at.step)

    def _precision(self) -> AbstractContextManager[Any]:
        # "auto" is float32 on every device, until a probe at the start can tell what is faster.
        kind = _SHORT.get(self.settings.precision)
        return torch.autocast(self.plan.device.type, kind) if kind else nullcontext()

    def _count(self, loss: float, images: int) -> float:
        at = self.at
        at.step += 1
        at.batch += 1
        at.seen += images
        at.loss += loss * images
        self._tick()
        return loss

    def _count_tallies(self) -> None:
        """Add up how the steps since the last time told their examples."""
        # When somebody asks: to fetch numbers from a GPU after each step would hold it up.
        for tally in self._tallies:
            self.at.count(self.net.counted(tally))
        self._tallies.clear()

    def _end_of_epoch(self) -> Epoch | None:
        """Validate, keep the best, and say how the epoch went; None where it was stopped."""
        at = self.at
        if at.batch < self.plan.steps_per_epoch:
            return None
        found = self._measured("validation", self.plan.most_validated)
        if self.control.stopping:
            return None
        if found is not None and (rank := (found.rank, -found.loss)) > (at.best or (-math.inf,)):
            at.best = rank
            self.files.save_weights("best", at)
        self._tick()
        self._count_tallies()
        epoch = self._epoch(found)
        at.next_epoch()
        return epoch

    def _finish(self) -> Iterator[Event]:
        """Write everything, and measure the best weights on the images held out."""
        stopped = self.control.stopping
        yield from self._save()
        if not self.at.best:
            self.files.save_weights("best", self.at)
        found = None
        if not stopped:
            self._take_best()
            found = self._measured("test")
            stopped = found is None and self.control.stopping
        self._tick()
        yield Finished(
            run=self.run,
            step=self.at.step,
            test_accuracy=found.accuracy if found else None,
            test_loss=found.loss if found else None,
            seconds=self.at.seconds,
            stopped=stopped,
            score_name=self.net.score_name,
            test_score=listed(found.score) if found else None,
            scores=found.scores if found else {},
            measures=self._per_class(found),
            optimistic=found is not None and is_optimistic(self.net, self.plan.examples, "test"),
        )

    def _per_class(self, found: Measured[Any] | None) -> dict[str, dict[str, float | None]]:
        if found is None or not isinstance(found.found, np.ndarray):
            return {}
        return per_class(self.plan.examples.classes, found.found, found.volumes)

    def _hold(self) -> Iterator[Event]:
        """Wait until the pause is over."""
        yield from self._save()
        yield Paused(self.at.step)
        self.control.wait()
        self._last_tick = time.perf_counter()
        if not self.control.stopping:
            yield Resumed(self.at.step)

    # ------------------------------------------------------------ its parts

    def _started(self) -> Started:
        plan = self.plan
        train, validation, test = plan.examples.counts
        return Started(
            run=self.run,
            device=device_name(plan.device),
            epochs=self.settings.epochs,
            steps_per_epoch=plan.steps_per_epoch,
            train=train,
            validation=validation,
            test=test,
            parameters=sum(p.numel() for p in _trained(self.net.model)),
            step=self.at.step,
            task=self.net.task,
            score_name=self.net.score_name,
            unit=plan.examples.unit,
            notes=plan.notes,
        )

    def _epoch(self, found: Measured[Any] | None) -> Epoch:
        at = self.at
        accuracy, score = self.net.told(np.array(at.tally))
        return Epoch(
            epoch=at.epoch,
            step=at.step,
            train_loss=at.loss / at.seen,
            train_accuracy=accuracy,
            validation_loss=found.loss if found else None,
            validation_accuracy=found.accuracy if found else None,
            lr=learning_rate(self.settings, at.step - 1, self.plan.steps),
            seconds_left=self._seconds_left(),
            score_name=self.net.score_name,
            train_score=score,
            validation_score=listed(found.score) if found else None,
            scores=found.scores if found else {},
        )

    def _seconds_left(self) -> float:
        step, seconds = self._began
        done = self.at.step - step
        each = (self.at.seconds - seconds) / done if done else 0.0
        return each * (self.plan.steps - self.at.step)

    def _tick(self) -> None:
        now = time.perf_counter()
        self.at.seconds += now - self._last_tick
        self._last_tick = now

    def _measured(self, part: Part, most: int | None = None) -> Measured[Any] | None:
        return self.net.measure(
            self.plan.examples, part, batch=self.settings.batch, most=most, control=self.control
        )

    def _take_best(self) -> None:
        if self.at.best:
            load_weights(self.net.model, self.files.folder / "best.safetensors")

    def _diverged(self, loss: float, lr: float) -> str:
        optimizer = self.settings.optimizer
        fix = f"lower the learning rate, for example optimizer: {optimizer.name} "
        fix += f"lr {optimizer.lr / 10:g}"
        if not self.plan.normalised:
            fix += ", and add normalize: zscore to data:"
        told = "is not a number any more" if math.isnan(loss) else "grew beyond all numbers"
        return f"the loss {told} at step {self.at.step} (learning rate {lr:.3g}); {fix}"

    # ------------------------------------------------------------ files

    def _save_if_due(self) -> Iterator[Event]:
        state = self.pace.state_due(self.at.step)
        # Weights before the state: a snapshot makes the journal write, and a state must not know of
        # steps that a killed training has not written down.
        if state or self.pace.snapshot_due(self.at.step):
            yield self._save_weights()
        if state:
            self._save_state()

    def _save(self) -> Iterator[Event]:
        if self._written != self.at.step:
            yield self._save_weights()
        self._save_state()

    def _save_weights(self) -> Snapshot:
        start = time.perf_counter()
        path = self.files.save_weights("last", self.at)
        self.pace.wrote(time.perf_counter() - start, state=False)
        self._written = self.at.step
        return Snapshot(self.at.step, path)

    def _save_state(self) -> None:
        self._tick()
        self._count_tallies()
        self.files.save_state(self.at)
        self.pace.wrote(0.0, state=True)


def _trained(model: ConvNet) -> list[nn.Parameter]:
    return [parameter for parameter in model.parameters() if parameter.requires_grad]


def _optimizer(settings: Train, model: ConvNet) -> torch.optim.Optimizer:
    own, weights = settings.optimizer, _trained(model)
    # foreach: the same numbers, bit for bit, by fewer calls (fused ones differ in the last bit).
    if own.name == "sgd":
        return torch.optim.SGD(weights, own.lr, own.momentum, weight_decay=own.decay, foreach=True)
    kind = torch.optim.Adam if own.name == "adam" else torch.optim.AdamW
    return kind(weights, own.lr, weight_decay=own.decay, foreach=True)
