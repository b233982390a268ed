"""Trains the segmenter of `masks="learned"` on the simulator's own segmentation, and says how good it is.

    python examples/train_segmenter.py learned.safetensors

takes about ten minutes on two cores. Frames come from a wavering driver in three scenarios and many
weathers; those of the test are of other episodes.
"""

import math
import sys
from collections.abc import Iterator

import numpy as np
import torch
from rich.progress import track
from safetensors.torch import save_file
from torch.nn.functional import binary_cross_entropy_with_logits

import semore_gym
from semore_gym.agents import named_policy
from semore_gym.masks.learned import CLASSES
from semore_gym.masks.segmentation_net import SegmentationNet
from semore_gym.scenarios import SCENARIOS

SIDES = (64, 128)  # of the pictures [px]
CROP = 64  # that is learned from at once [px]
WEATHERS = {"HighBeam": ("midnight",)}  # of the scenarios that have their own
DAY = ("cloudy_noon", "cloudy_noon", "clear_noon", "sunset", "hard_rain", "midnight")
EVERY, LONGEST = 6, 90  # steps from frame to frame, and of an episode
EPOCHS, BATCH, RATE = 12, 48, 3e-3


def frames(scenario: str, side: int, count: int, seed: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Frames (3, H, W) uint8 with their classes (classes, H, W) bool, about `count` of them."""
    values = np.zeros((256, len(CLASSES)), bool)
    for i, tags in enumerate(CLASSES.values()):
        values[list(tags), i] = True
    rng = np.random.default_rng(seed)
    weathers = WEATHERS.get(scenario, DAY)
    for weather in weathers:
        env = semore_gym.make_env(
            f"SemoreCarla-{scenario}-v0", image_size=side, weather=weather, residual=False
        )
        driver, ended = named_policy("scripted", env), True
        for i in range(math.ceil(count / len(weathers)) * EVERY):
            if ended or i % LONGEST == 0:
                observation, _ = env.reset(seed=int(rng.integers(2**31)))
                noise = rng.normal(0, 0.3, 2)
            action = driver.predict(observation, deterministic=True)[0]
            noise = 0.9 * noise + rng.normal(0, (0.03, 0.3))
            observation, _, terminated, truncated, _ = env.step(
                np.clip(action + noise, -1, 1).astype(np.float32)
            )
            ended = terminated or truncated
            if i % EVERY == EVERY - 1:
                tags = env.unwrapped.segmentation()
                yield observation["frames"][-3:].copy(), np.moveaxis(values[tags], -1, 0)
        env.close()


def collected(count: int, seed: int) -> dict[tuple[str, int], tuple[torch.Tensor, torch.Tensor]]:
    """Frames and classes by scenario and side, `count` of each."""
    kinds = [(scenario, side) for scenario in SCENARIOS for side in SIDES]
    found = {}
    for scenario, side in track(kinds, "driving"):
        pictures, classes = zip(*frames(scenario, side, count, seed), strict=True)
        found[scenario, side] = torch.as_tensor(np.stack(pictures)), torch.as_tensor(np.stack(classes))
    return found


def train(net: SegmentationNet, data: dict[tuple[str, int], tuple[torch.Tensor, torch.Tensor]]) -> None:
    """Fit the network to batches in which every kind of frame has a share."""
    share = max(1, BATCH // len(data))
    updates = EPOCHS * (len(next(iter(data.values()))[0]) // share + 1)
    optimiser = torch.optim.AdamW(net.parameters(), RATE)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, RATE, updates)
    net.train()
    for _ in track(range(updates), "training"):
        parts = []
        for pictures, classes in data.values():
            rows = torch.randint(len(pictures), (share,))
            parts.append(augmented(pictures[rows], classes[rows]))
        pixels, truth = (torch.cat(each) for each in zip(*parts, strict=True))
        loss = loss_of(net(pixels), truth)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        schedule.step()


def augmented(pictures: torch.Tensor, classes: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """A part of each picture, brighter or darker, half of the time in a mirror."""
    top, left = torch.randint(pictures.shape[-1] - CROP + 1, (2,)).tolist()
    pixels = pictures[..., top : top + CROP, left : left + CROP].float() / 255
    truth = classes[..., top : top + CROP, left : left + CROP].float()
    if torch.rand(()) < 0.5:
        pixels, truth = pixels.flip(-1), truth.flip(-1)
    return (pixels * (0.7 + 0.6 * torch.rand(len(pixels), 1, 1, 1))).clamp(0, 1), truth


def loss_of(logits: torch.Tensor, truth: torch.Tensor) -> torch.Tensor:
    """Cross entropy, and what overlaps by halves (Dice), which small classes need."""
    chances = logits.sigmoid()
    overlap = 2 * (chances * truth).sum((0, 2, 3)) / ((chances + truth).sum((0, 2, 3)) + 1)
    return 10 * binary_cross_entropy_with_logits(logits, truth) + (1 - overlap).mean()


@torch.no_grad()
def intersection_over_union(net: SegmentationNet, pictures: torch.Tensor, truth: torch.Tensor) -> list[float]:
    """IoU of each class over all pixels of some frames; NaN of a class that none of them shows."""
    net.eval()
    found = torch.cat([net(some.float() / 255) > 0 for some in pictures.split(BATCH)])
    both, either = (found & truth).sum((0, 2, 3)), (found | truth).sum((0, 2, 3))
    return torch.where(truth.any(0).flatten(1).any(1), both / either, torch.nan).tolist()


def main(path: str = "learned.safetensors", count: str = "700") -> None:
    torch.manual_seed(0)
    net = SegmentationNet(len(CLASSES))
    train(net, collected(int(count), seed=0))
    weights = {
        name: value.half() if value.is_floating_point() else value for name, value in net.state_dict().items()
    }
    save_file(weights, path)
    print(f"wrote {path}, {sum(value.numel() for value in net.parameters())} parameters")
    print(f"{'IoU':<24}" + "".join(f"{name:>12}" for name in CLASSES))
    for (scenario, side), (pictures, classes) in collected(max(8, int(count) // 5), seed=1).items():
        scores = intersection_over_union(net, pictures, classes)
        print(f"{scenario:<12}{side:>4} pixels" + "".join(f"{score:>12.2f}" for score in scores))


if __name__ == "__main__":
    main(*sys.argv[1:])
