"""Semore's encoder inside sb3-contrib's CrossQ, on a stacked image: the residual is made inside."""

import gymnasium as gym
from sb3_contrib import CrossQ

import semore_gym  # noqa: F401 - registers the environments
from semore_gym.policies import FrameReplayBuffer, SemoreExtractor
from semore_gym.wrappers import FrameHistory

STEPS = 1_000  # agent steps


def main(steps: int = STEPS, learning_starts: int = 100, batch_size: int = 32) -> None:
    env = FrameHistory(gym.make("SemoreCarla-HighWay-v0", image_size=64), frames=3)
    model = CrossQ(
        "MlpPolicy",  # the only policy that CrossQ has; its extractor may be any
        env,
        policy_kwargs={
            "features_extractor_class": SemoreExtractor,
            "features_extractor_kwargs": {"channels": (32, 32, 32, 32)},
            "net_arch": [256, 256],
        },
        replay_buffer_class=FrameReplayBuffer,  # each frame once
        buffer_size=steps,
        learning_starts=learning_starts,
        batch_size=batch_size,
        seed=0,
    )
    model.learn(steps)
    env.close()
    print(f"CrossQ learned {steps} steps from images {env.observation_space.shape}")


if __name__ == "__main__":
    main()
