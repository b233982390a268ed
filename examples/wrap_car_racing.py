"""The wrappers on an environment that is not ours; CarRacing needs `pip install "gymnasium[box2d]"`."""

import sys

import gymnasium as gym
from gymnasium.error import DependencyNotInstalled

from semore_gym.masks import NoMasks
from semore_gym.wrappers import FrameHistory, ResidualFrames, SemanticMask


def main() -> None:
    try:
        racing = gym.make("CarRacing-v3")
    except DependencyNotInstalled:
        sys.exit('CarRacing is not installed: pip install "gymnasium[box2d]"')
    env = SemanticMask(ResidualFrames(FrameHistory(racing, frames=3)), NoMasks())
    env.action_space.seed(0)
    observation, _ = env.reset(seed=0)
    for name, array in observation.items():
        print(f"{name:<9} {array.dtype!s:<6} {array.shape}")
    for step in range(1, 51):
        observation, _, terminated, truncated, _ = env.step(env.action_space.sample())
        if step % 10 == 0:
            changed = (observation["residual"] != 0).mean()
            print(f"step {step:>3}: {changed:.0%} of the residual is not zero")
        if terminated or truncated:
            break
    env.close()


if __name__ == "__main__":
    main()
