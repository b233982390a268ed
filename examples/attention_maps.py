"""What a mask says, and where Semore's interaction looks before and after some training, in one picture."""

import sys

import matplotlib.pyplot as plt
import numpy as np
import torch

import semore_gym
from semore_gym.evaluation.layout import overlay
from semore_gym.policies import SemoreSAC, make_algorithm
from semore_gym.policies.encoders.interaction import interaction_attention

SCENARIOS = ("JayWalk", "HighBeam", "HighWay")
TITLES = ("frame", "mask: {masks}", "attention before", "attention after {steps} steps")


def attention(model: SemoreSAC, frames: np.ndarray) -> np.ndarray:
    """Mean attention that each position of the map gets (X of Eq. 6, over its rows), (h, w) in [0, 1]."""
    encoder = model.dual_stream
    with torch.no_grad():
        semantic, motion = encoder.convolve(encoder.prepare(torch.as_tensor(frames[None]).to(model.device)))
        keys = encoder.interaction.to_keys(semantic).flatten(2)
        x = interaction_attention(keys, encoder.interaction.to_motion(motion).flatten(2))
    got = x.mean(dim=1).reshape(semantic.shape[2:]).cpu().numpy()
    return (got - got.min()) / max(np.ptp(got), 1e-12)  # X is close to uniform: only its shape is shown


def main(path: str = "attention_maps.png", steps: int = 400, masks: str = "oracle", **settings) -> None:
    figure, axes = plt.subplots(len(SCENARIOS), len(TITLES), figsize=(10, 7.8), layout="constrained")
    for scenario, row in zip(SCENARIOS, axes, strict=True):
        env = semore_gym.make_env(f"SemoreCarla-{scenario}-v0", masks=masks)
        options = {"learning_starts": 100, "batch_size": 32, **settings}
        model = make_algorithm("semore", env, preset="light", seed=0, **options)
        observation, _ = env.reset(seed=3)
        for _ in range(20 if masks == "oracle" else 10):  # masks of models come at every tenth step
            observation, *_ = env.step(np.array([0.0, 0.6], np.float32))
        frame = np.moveaxis(observation["frames"][-3:], 0, -1)
        before = attention(model, observation["frames"])
        model.learn(steps)
        after = attention(model, observation["frames"])
        pictures = (frame, overlay(frame, observation["mask"][0]), frame, frame)
        for axis, picture, weights in zip(row, pictures, (None, None, before, after), strict=True):
            axis.imshow(picture, extent=(0, 1, 0, 1))
            if weights is not None:
                axis.imshow(weights, "inferno", alpha=0.6, extent=(0, 1, 0, 1), interpolation="bicubic")
            axis.set_xticks([])
            axis.set_yticks([])
        row[0].set_ylabel(scenario)
        print(f"{scenario:<9} attention moved by {np.abs(after - before).mean():.2f} of its range")
        env.close()
    named = "vehicles and people" if masks == "oracle" else masks
    for axis, title in zip(axes[0], TITLES, strict=True):
        axis.set_title(title.format(masks=named, steps=steps), fontsize=9)
    figure.savefig(path, dpi=100)
    print(f"wrote {path}")


if __name__ == "__main__":
    main(*sys.argv[1:2])
