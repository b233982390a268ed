"""What a mask says, and where Semore's interaction looks before and after some training, in one picture."""

import sys

import numpy as np
import torch
from PIL import Image

import semore_gym
from semore_gym.evaluation.layout import overlay
from semore_gym.policies import SemoreSAC, make_algorithm
from semore_gym.policies.interaction import interaction_attention

SCENARIOS = ("JayWalk", "HighBeam", "HighWay")
SIDE = 256  # of a picture [px]


def attention(model: SemoreSAC, frames: np.ndarray) -> np.ndarray:
    """Mean attention that each position of the map gets (X of Eq. 6, over its rows), (h, w) in [0, 1]."""
    encoder = model.dual_stream
    with torch.no_grad():
        semantic, motion = encoder.convolve(encoder.prepare(torch.as_tensor(frames[None]).to(model.device)))
        keys = encoder.interaction.to_keys(semantic).flatten(2)
        x = interaction_attention(keys, encoder.interaction.to_motion(motion).flatten(2))
    got = x.mean(dim=1).reshape(semantic.shape[2:]).cpu().numpy()
    return (got - got.min()) / max(np.ptp(got), 1e-12)  # X is close to uniform: only its shape is shown


def heat(frame: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """The attention over the frame, (H, W, 3) uint8."""
    fine = Image.fromarray(np.uint8(255 * weights)).resize(frame.shape[1::-1], Image.Resampling.BICUBIC)
    return overlay(frame, np.asarray(fine))


def main(path: str = "attention_maps.png", steps: int = 400, masks: str = "oracle", **settings) -> None:
    rows = []
    for scenario in SCENARIOS:
        env = semore_gym.make_env(f"SemoreCarla-{scenario}-v0", masks=masks)
        options = {"learning_starts": 100, "batch_size": 32, "semantic_weight": 0.01, **settings}
        model = make_algorithm("semore", env, preset="light", seed=0, **options)
        observation, _ = env.reset(seed=3)
        for _ in range(20 if masks == "oracle" else 10):  # masks of models come at every tenth step
            observation, *_ = env.step(np.array([0.0, 0.6], np.float32))
        frame = np.moveaxis(observation["frames"][-3:], 0, -1)
        before = attention(model, observation["frames"])
        model.learn(steps)
        after = attention(model, observation["frames"])
        pictures = [frame, overlay(frame, observation["mask"][0]), heat(frame, before), heat(frame, after)]
        rows.append(np.hstack([Image.fromarray(picture).resize((SIDE, SIDE)) for picture in pictures]))
        print(f"{scenario:<9} attention moved by {np.abs(after - before).mean():.2f} of its range")
        env.close()
    Image.fromarray(np.vstack(rows)).save(path)
    print(f"wrote {path}: frame, mask, attention before and after {steps} steps")


if __name__ == "__main__":
    main(*sys.argv[1:2])
