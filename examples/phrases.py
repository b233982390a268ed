"""What a mask is made of: each phrase's own share on the three scenarios, and their sum, in one picture."""

import sys

import matplotlib.pyplot as plt
import numpy as np

import semore_gym
from semore_gym.evaluation.layout import overlay
from semore_gym.masks import VLMMasks, make_masks
from semore_gym.masks.phrasers import FixedPhrases
from semore_gym.tags import PEOPLE, VEHICLES, SemanticTag

TRUTH = {
    "vehicles": VEHICLES,
    "people": PEOPLE,
    "trees": {SemanticTag.VEGETATION},
    "lane marks": {SemanticTag.ROAD_LINE},
}


class TrueSegmenter:
    """Finds the phrases of `TRUTH` in the simulator's segmentation of the current frame."""

    identity = "truth"

    def __init__(self, env):
        self.env = env

    def __call__(self, frames, phrases):
        """Give logits of one frame's phrases."""
        tags = self.env.unwrapped.segmentation()
        found = [np.isin(tags, [int(tag) for tag in TRUTH[phrase]]) for phrase in phrases[0]]
        return [np.where(np.stack(found), 8.0, -8.0).astype(np.float32)]


def main(path: str = "phrases.png", masks: str | None = None) -> None:
    figure, rows = plt.subplots(3, 6, figsize=(14, 7.4), layout="constrained")
    for name, row in zip(("JayWalk", "HighBeam", "HighWay"), rows, strict=True):
        env = semore_gym.make_env(f"SemoreCarla-{name}-v0", masks=None)
        observation, _ = env.reset(seed=3)
        for _ in range(15):
            observation, *_ = env.step(np.array([0.0, 0.6], np.float32))
        frame = observation["frames"][-3:]
        whole = (
            make_masks(masks, env=env.spec.id)
            if masks
            else VLMMasks(FixedPhrases(tuple(TRUTH)), TrueSegmenter(env))
        )
        phrases = whole.phraser(frame[np.newaxis])[0][:4]
        shares = [VLMMasks(FixedPhrases((phrase,)), whole.segmenter)(frame[np.newaxis]) for phrase in phrases]
        picture = np.moveaxis(frame, 0, -1)
        shown = [
            picture,
            *(overlay(picture, share[0, 0]) for share in shares),
            overlay(picture, whole(frame[np.newaxis])[0, 0]),
        ]
        for axis, image, title in zip(row, shown, (name, *phrases, "mask: their sum"), strict=False):
            axis.imshow(image)
            axis.set_title(title, fontsize=10)
        for axis in row:
            axis.set_axis_off()
        print(f"{name:<9} {', '.join(phrases)}")
        env.close()
    figure.savefig(path, dpi=100)
    print(f"wrote {path}")


if __name__ == "__main__":
    main(*sys.argv[1:])
