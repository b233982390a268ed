"""`semore masks`: of pictures that are there already, in a folder of images or in a run's replay buffer."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont
from rich.console import Console
from rich.progress import track
from tyro.conf import Positional

from semore_gym.cli.command import Command, CommandError, asked
from semore_gym.masks import MaskConfig, MaskProvider, VLMMasks
from semore_gym.masks.base import faults
from semore_gym.training.run_folder import RunFolder
from semore_gym.utils.files import new_file
from semore_gym.utils.pictures import read_picture

Array = npt.NDArray[np.uint8]

BATCH = 8  # frames to a call of the provider
SAVED = 32  # batches after which a replay buffer is saved
IMAGES = (".png", ".jpg", ".jpeg", ".webp", ".bmp")
SIDE, CAPTION = 192, 30  # of a contact sheet's pictures and captions [px]
COLUMNS, MOST = 4, 24  # of its pictures


@dataclass(frozen=True)
class Masks(Command):
    """Make masks of a folder of images, or of the frames of a run's newest checkpoint that have none."""

    source: Positional[Path]
    """A folder of images, or a run folder (not in training), whose replay buffer takes the masks."""
    masks: str = "vlm:clipseg"
    """Who draws the masks: vlm:SEGMENTER or endpoint:SEGMENTER, where SEGMENTER is clipseg, sam3 or cris."""
    mask_options: dict[str, Any] = field(default_factory=dict)
    """Settings of the masks, for example phrases=["car"] segmenter.device=cuda phraser.model=NAME."""
    every: int = 1
    """Which of a run's frames get a mask: 1 is all, 10 every tenth."""
    out: Path | None = None
    """Where an image folder's masks go; None is its subfolder masks."""
    sheet: Path | None = None
    """Contact sheet of what was made; None is contact_sheet.png beside the masks."""

    def run(self, console: Console) -> int:
        """Make them, and a contact sheet."""
        with asked():
            wanted = self._checked()
            run = RunFolder(self.source) if (self.source / "config.json").is_file() else None
            provider = wanted.make(run.config.env if run else "")
        out = self.out or self.source / "masks"
        if run:
            made, lacking = mask_run(run, provider, self.every, console)
        else:
            made, lacking = mask_folder(self.source, out, provider, console)
        if made:
            sheet = self.sheet or (self.source if run else out) / "contact_sheet.png"
            contact_sheet(made, sheet)
            where = "the replay buffer of the newest checkpoint" if run else str(out)
            console.print(f"{len(made)} masks written to {where}; {sheet} shows some")
        if lacking:
            console.print(f"{lacking} frames failed and have no mask: the same command tries them again")
            return 1
        if not made:
            console.print("nothing to do: every frame has its mask")
        return 0

    def _checked(self) -> MaskConfig:
        wanted = MaskConfig.parse(self.masks, self.mask_options)
        if not wanted.uses_models:
            raise ValueError(
                f"masks must be made of images alone, by vlm:... or endpoint:..., got {self.masks}"
            )
        if self.every < 1:
            raise ValueError(f"every must be at least 1, got {self.every}")
        if not self.source.is_dir():
            raise ValueError(f"no folder {str(self.source)!r}")
        return wanted


class Made(NamedTuple):
    """A frame (3, H, W) uint8, its mask (1, H, W) uint8, and what it shows, where that is known."""

    frame: Array
    mask: Array
    phrases: Sequence[str]


def mask_folder(source: Path, out: Path, provider: MaskProvider, console: Console) -> tuple[list[Made], int]:
    """Write the mask of every image in a folder as a grey PNG of the image's name; those there are skipped.

    An image that cannot be read, or whose mask is lost to a fault, is told and left out.

    Args:
        source: Folder of images.
        out: Folder of the masks; made if need be.
        provider: Makes them; never reset, so one that needs an environment does not do.
        console: Where progress is shown.

    Returns:
        What was made now, and how many images still have no mask.

    Raises:
        CommandError: If there is no image, or two would have the same mask file.
    """
    images = sorted(path for path in source.iterdir() if path.suffix.lower() in IMAGES)
    if not images:
        raise CommandError(f"{source} holds no image ({', '.join(IMAGES)}) and is no run folder")
    if len({path.stem for path in images}) < len(images):
        raise CommandError(f"{source} has images whose names differ in their endings alone")
    out.mkdir(parents=True, exist_ok=True)
    todo = [path for path in images if not (out / f"{path.stem}.png").exists()]
    made: list[Made] = []
    for path in track(todo, "masks", console=console, disable=not console.is_terminal):
        try:
            frame = read_picture(path)
        except ValueError as error:
            console.print(str(error), markup=False)
            continue
        (found,) = explained(provider, frame[np.newaxis])
        if found is None:
            console.print(f"{path} has no mask: no answer about it could be used", markup=False)
            continue
        with new_file(out / f"{path.stem}.png") as unfinished:
            Image.fromarray(found.mask[0]).save(unfinished)
        made.append(found)
    return made, len(todo) - len(made)


def mask_run(run: RunFolder, provider: MaskProvider, every: int, console: Console) -> tuple[list[Made], int]:
    """Give the frames of a run's newest checkpoint masks, where they have none; its replay buffer is saved.

    A buffer does not tell a blank mask from none: frames that show nothing are looked at each time.

    Args:
        run: The run; it must not be training meanwhile.
        provider: Makes the masks.
        every: 1 for all frames, 10 for every tenth.
        console: Where progress is shown.

    Returns:
        What was made now, and how many frames' masks were lost to a fault: they still have none.

    Raises:
        CommandError: If the run has no checkpoint, or its observations no mask.
    """
    from semore_gym.policies import FrameReplayBuffer
    from semore_gym.training.build import load_model
    from semore_gym.training.checkpoint import load_checkpoint, manifest_of

    newest = run.newest_checkpoint()
    if newest is None:
        raise CommandError(f"{run.path} has no checkpoint yet")
    with asked():
        model = load_model(newest / "model.zip", run.config.algo, device="cpu")
        load_checkpoint(run, newest, model)
    buffer = model.transitions
    if not isinstance(buffer, FrameReplayBuffer):
        raise CommandError(f"{run.path} has learnt from states: it has no pictures to mask")
    slots = buffer.store.live()
    slots = slots[~buffer.store.masked[slots] & (buffer.store.ids[slots] % every == 0)]
    batches = [slots[start : start + BATCH] for start in range(0, len(slots), BATCH)]
    made: list[Made] = []
    for number, batch in enumerate(
        track(batches, "masks", console=console, disable=not console.is_terminal), start=1
    ):
        frames = buffer.store.frames(batch[:, np.newaxis]).cpu().numpy()
        for slot, found in zip(batch, explained(provider, frames), strict=True):
            if found is not None:
                buffer.set_masks(buffer.store.ids[[slot]], found.mask[np.newaxis])
                made.append(found)
        if number % SAVED == 0 or number == len(batches):
            buffer.save(run.replay, manifest=manifest_of(newest))
    return made, len(slots) - len(made)


def explained(provider: MaskProvider, frames: Array) -> list[Made | None]:
    """Make masks, and say what they show where the provider knows; None where one is lost to a fault."""
    before = faults(provider)
    if isinstance(provider, VLMMasks):
        masks, phrases = provider.explain(frames)
    else:
        masks, phrases = provider(frames), [()] * len(frames)
    made = [Made(*each) for each in zip(frames, masks, phrases, strict=True)]
    lost, blank = faults(provider) - before, [not mask.any() for mask in masks]
    if 0 < lost < sum(blank):  # some scenes are empty: one by one it is seen which
        return [
            explained(provider, each.frame[np.newaxis])[0] if empty else each
            for each, empty in zip(made, blank, strict=True)
        ]
    return [None if lost and empty else each for each, empty in zip(made, blank, strict=True)]


def contact_sheet(made: Sequence[Made], path: Path) -> None:
    """Draw frames above their masks, captioned by their phrases: at most 24, evenly spread.

    Args:
        made: At least one.
        path: A PNG file.
    """
    from semore_gym.evaluation.layout import BACKGROUND, INK, overlay  # torch is slow to import

    spread = np.linspace(0, len(made) - 1, min(MOST, len(made))).round().astype(int)
    chosen = [made[index] for index in spread]
    columns = min(COLUMNS, len(chosen))
    height = 2 * SIDE + CAPTION
    sheet = Image.new("RGB", (columns * SIDE, -(-len(chosen) // columns) * height), BACKGROUND)
    draw = ImageDraw.Draw(sheet)
    for number, each in enumerate(chosen):
        x, y = number % columns * SIDE, number // columns * height
        frame = np.moveaxis(each.frame, 0, -1)
        for row, picture in enumerate((frame, overlay(frame, each.mask[0]))):
            scaled = Image.fromarray(picture).resize((SIDE, SIDE), Image.Resampling.BICUBIC)
            sheet.paste(scaled, (x, y + row * SIDE))
        caption = "\n".join(_lines(each.phrases))
        corner = (x + 4, y + 2 * SIDE + 2)
        draw.multiline_text(corner, caption, fill=INK, font=ImageFont.load_default(10), spacing=1)
    sheet.save(path)


def _lines(phrases: Iterable[str], width: int = 34) -> Iterator[str]:
    """Two lines that fit under a picture."""
    text = ", ".join(phrases) or "-"
    yield text[:width]
    if len(text) > width:
        yield text[width : 2 * width - 1] + ("…" if len(text) >= 2 * width else "")
