"""Every scenario in every weather: the frame, the mask, the residual and the depth, in one picture."""

import sys

import numpy as np
from PIL import Image, ImageDraw

import semore_gym
from semore_gym.scenarios import SCENARIOS
from semore_gym.scenarios.weather import WEATHERS

COLUMNS = ("frame", "mask", "residual", "depth")
TITLE_HEIGHT = 16  # above the columns [px]


def gray(plane: np.ndarray) -> np.ndarray:
    """(H, W) in [0, 255] as (H, W, 3) uint8."""
    return np.repeat(np.clip(plane, 0, 255).astype(np.uint8)[..., None], 3, axis=-1)


def panels(scenario: str, weather: str, steps: int) -> np.ndarray:
    """The four pictures of one drive, side by side."""
    env = semore_gym.make_env(f"SemoreCarla-{scenario}-v0", masks="oracle", weather=weather, depth=True)
    observation, info = env.reset(seed=2)
    for _ in range(steps):
        observation, _, terminated, truncated, info = env.step(env.unwrapped.scripted_action())
        if terminated or truncated:
            break
    env.close()
    frame = np.moveaxis(observation["frames"][-3:], 0, -1)
    residual = np.moveaxis(observation["residual"][-3:], 0, -1)
    depth = 255.0 * np.log(info["depth"]) / np.log(1000.0)
    return np.hstack(
        [
            frame,
            gray(observation["mask"][0]),
            np.clip(128 + residual, 0, 255).astype(np.uint8),
            gray(depth),
        ]
    )


def titles(width: int) -> np.ndarray:
    """A strip with the columns' names: (TITLE_HEIGHT, width, 3) uint8."""
    strip = Image.new("RGB", (width, TITLE_HEIGHT))
    for i, name in enumerate(COLUMNS):
        middle = (i + 0.5) * width / len(COLUMNS), TITLE_HEIGHT / 2
        ImageDraw.Draw(strip).text(middle, name, anchor="mm")
    return np.asarray(strip)


def main(path: str = "contact_sheet.png", steps: str = "25") -> None:
    rows = []
    for scenario in SCENARIOS:
        for weather in WEATHERS:
            row = Image.fromarray(panels(scenario, weather, int(steps)))
            ImageDraw.Draw(row).text(
                (4, 2), f"{scenario} {weather}", "white", stroke_width=1, stroke_fill="black"
            )
            rows.append(np.asarray(row))
    half = len(rows) // 2
    names = titles(rows[0].shape[1])
    Image.fromarray(np.hstack([np.vstack([names, *rows[:half]]), np.vstack([names, *rows[half:]])])).save(
        path
    )
    print(f"wrote {path}")


if __name__ == "__main__":
    main(*sys.argv[1:])
