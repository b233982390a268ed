"""Semore's encoder inside SB3's own SAC, on frames and masks: an extractor and nothing else."""

from stable_baselines3 import SAC

import semore_gym
from semore_gym.policies import FrameReplayBuffer, SemoreExtractor

STEPS = 1_000  # agent steps


def main(steps: int = STEPS, learning_starts: int = 100, batch_size: int = 32) -> None:
    env = semore_gym.make_env("SemoreCarla-HighWay-v0", masks="oracle", image_size=64)
    model = SAC(
        "MultiInputPolicy",
        env,
        policy_kwargs={
            "features_extractor_class": SemoreExtractor,
            # guided: masks make the interaction's keys, in acting too, since SB3 has one path for both
            "features_extractor_kwargs": {"channels": (32, 32, 32, 32), "guided": True},
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
    print(f"SAC learned {steps} steps from frames and masks")


if __name__ == "__main__":
    main()
