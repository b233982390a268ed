"""Masks of the simulator's own segmentation, perfect and imperfect, and of a network, in one picture."""

import sys

import numpy as np
from PIL import Image, ImageDraw

import semore_gym
from semore_gym.evaluation.layout import overlay
from semore_gym.masks import LearnedMasks, OracleMasks

MASKS = {
    "perfect": OracleMasks(),
    "with lane marks": OracleMasks(lane_marks=True),
    "objects missed": OracleMasks(missed=0.5),
    "false blobs": OracleMasks(false_blobs=4.0),
    "blurred": OracleMasks(blur=3.0),
    "late": OracleMasks(delay=5),
    "learned": LearnedMasks(),
}
TITLE_HEIGHT = 16  # above each column [px]


def title(text: str, width: int) -> np.ndarray:
    """A strip with a name in its middle: (TITLE_HEIGHT, width, 3) uint8."""
    strip = Image.new("RGB", (width, TITLE_HEIGHT))
    ImageDraw.Draw(strip).text((width // 2, TITLE_HEIGHT // 2), text, anchor="mm")
    return np.asarray(strip)


def main(path: str = "masks.png") -> None:
    columns = []
    for name, masks in MASKS.items():
        env = semore_gym.make_env("SemoreCarla-JayWalk-v0", masks=masks)
        observation, _ = env.reset(seed=3)
        for _ in range(15):
            observation, *_ = env.step(np.array([0.0, 0.5], np.float32))
        frame, mask = np.moveaxis(observation["frames"][-3:], 0, -1), observation["mask"][0]
        print(f"{name:<16} {(mask > 0).mean():6.1%} of the picture is marked")
        columns.append(np.vstack([title(name, frame.shape[1]), frame, overlay(frame, mask)]))
        env.close()
    Image.fromarray(np.hstack(columns)).save(path)
    print(f"wrote {path}")


if __name__ == "__main__":
    main(*sys.argv[1:])
