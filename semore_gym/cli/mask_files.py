"""Masks for pictures that are there already: a folder of images, or a run's replay buffer."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont
from rich.console import Console
from rich.progress import track

from semore_gym.cli.arguments import MasksArguments
from semore_gym.evaluation.layout import BACKGROUND, INK, overlay
from semore_gym.masks import MaskProvider, VLMMasks, make_masks
from semore_gym.masks.config import uses_models
from semore_gym.training.run_folder import RunFolder
from semore_gym.utils.files import new_file

Array = npt.NDArray[np.uint8]

BATCH = 8  # frames to a call of the provider
SAVED = 32  # batches after which a replay buffer is saved
IMAGES = (".png", ".jpg", ".jpeg", ".webp", ".bmp")
SIDE, CAPTION = 192, 30  # of a contact sheet's pictures and captions [px]
COLUMNS, MOST = 4, 24  # of its pictures


class Made(NamedTuple):
    """A frame (3, H, W) uint8, its mask (1, H, W) uint8, and what it shows, where that is known."""

    frame: Array
    mask: Array
    phrases: Sequence[str]


def make_masks_of(given: MasksArguments, console: Console) -> str:
    """Do what `semore masks` was told.

    Args:
        given: The arguments.
        console: Where progress is shown.

    Returns:
        What was done, in a sentence.

    Raises:
        ValueError: If the source holds nothing to mask, or the masks are none that a model makes.
    """
    if not uses_models(given.masks):
        raise ValueError(f"masks must be made of images alone, by vlm:... or endpoint:..., got {given.masks}")
    if given.every < 1:
        raise ValueError(f"every must be at least 1, got {given.every}")
    if not given.source.is_dir():
        raise ValueError(f"no folder {str(given.source)!r}")
    run = RunFolder(given.source) if (given.source / "config.json").is_file() else None
    provider = make_masks(given.masks, given.mask_options, env=run.config.env if run else "")
    out = given.out or given.source / "masks"
    if run:
        made = mask_run(run, provider, given.every, console)
    else:
        made = mask_folder(given.source, out, provider, console)
    if not made:
        return "nothing to do: every frame has its mask"
    sheet = given.sheet or (given.source if run else out) / "contact_sheet.png"
    contact_sheet(made, sheet)
    where = "the replay buffer of the newest checkpoint" if run else str(out)
    return f"{len(made)} masks written to {where}; {sheet} shows some"


def mask_folder(source: Path, out: Path, provider: MaskProvider, console: Console) -> list[Made]:
    """Write the mask of every image in a folder as a grey PNG of the image's name; those there are skipped.

    Args:
        source: Folder of images.
        out: Folder of the masks; made if need be.
        provider: Makes them; never reset, so one that needs an environment does not do.
        console: Where progress is shown.

    Returns:
        What was made now.

    Raises:
        ValueError: If there is no image, or two would have the same mask file.
    """
    images = sorted(path for path in source.iterdir() if path.suffix.lower() in IMAGES)
    if not images:
        raise ValueError(f"{source} holds no image ({', '.join(IMAGES)}) and is no run folder")
    if len({path.stem for path in images}) < len(images):
        raise ValueError(f"{source} has images whose names differ in their endings alone")
    out.mkdir(parents=True, exist_ok=True)
    todo = [path for path in images if not (out / f"{path.stem}.png").exists()]
    made: list[Made] = []
    for path in track(todo, "masks", console=console, disable=not console.is_terminal):
        with Image.open(path) as image:
            frame = np.moveaxis(np.asarray(image.convert("RGB")), -1, 0)
        made += explained(provider, frame[np.newaxis])
        with new_file(out / f"{path.stem}.png") as unfinished:
            Image.fromarray(made[-1].mask[0]).save(unfinished)
    return made


def mask_run(run: RunFolder, provider: MaskProvider, every: int, console: Console) -> list[Made]:
    """Give the frames of a run's newest checkpoint masks, where they have none; its replay buffer is saved.

    Args:
        run: The run; it must not be training meanwhile.
        provider: Makes the masks.
        every: 1 for all frames, 10 for every tenth.
        console: Where progress is shown.

    Returns:
        What was made now.

    Raises:
        ValueError: If the run has no checkpoint, or its observations no mask.
    """
    from semore_gym.policies import FrameReplayBuffer
    from semore_gym.training.build import load_model
    from semore_gym.training.checkpoint import load_checkpoint, manifest_of

    newest = run.newest_checkpoint()
    if newest is None:
        raise ValueError(f"{run.path} has no checkpoint yet")
    model = load_model(newest / "model.zip", run.config.algo, device="cpu")
    load_checkpoint(run, newest, model)
    buffer = model.transitions
    if not isinstance(buffer, FrameReplayBuffer):
        raise ValueError(f"{run.path} has learnt from states: it has no pictures to mask")
    slots = buffer.store.live()
    slots = slots[~buffer.store.masked[slots] & (buffer.store.ids[slots] % every == 0)]
    batches = [slots[start : start + BATCH] for start in range(0, len(slots), BATCH)]
    made: list[Made] = []
    for number, batch in enumerate(
        track(batches, "masks", console=console, disable=not console.is_terminal), start=1
    ):
        frames = buffer.store.frames(batch[:, np.newaxis]).cpu().numpy()
        made += explained(provider, frames)
        masks = np.stack([each.mask for each in made[-len(batch) :]])
        buffer.set_masks(buffer.store.ids[batch], masks)
        if number % SAVED == 0 or number == len(batches):
            buffer.save(run.replay, manifest=manifest_of(newest))
    return made


def explained(provider: MaskProvider, frames: Array) -> list[Made]:
    """Make masks, and say what they show where the provider knows."""
    if isinstance(provider, VLMMasks):
        masks, phrases = provider.explain(frames)
    else:
        masks, phrases = provider(frames), [()] * len(frames)
    return [Made(*each) for each in zip(frames, masks, phrases, strict=True)]


def contact_sheet(made: Sequence[Made], path: Path) -> None:
    """Draw frames above their masks, captioned by their phrases: at most 24, evenly spread.

    Args:
        made: At least one.
        path: A PNG file.
    """
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
