"""Semore's encoder inside sb3-contrib's TQC, on the observation without masks."""

from sb3_contrib import TQC

import semore_gym
from semore_gym.policies import FrameReplayBuffer, SemoreExtractor

STEPS = 1_000  # agent steps


def main(steps: int = STEPS, learning_starts: int = 100, batch_size: int = 32) -> None:
    env = semore_gym.make_env("SemoreCarla-HighWay-v0", masks=None, image_size=64)
    model = TQC(
        "MultiInputPolicy",
        env,
        top_quantiles_to_drop_per_net=2,
        policy_kwargs={
            "features_extractor_class": SemoreExtractor,
            "features_extractor_kwargs": {"channels": (32, 32, 32, 32)},
            "net_arch": [256, 256],
            "n_critics": 2,
        },
        replay_buffer_class=FrameReplayBuffer,  # each frame once
        buffer_size=steps,
        learning_starts=learning_starts,
        batch_size=batch_size,
        seed=0,
    )
    model.learn(steps)
    env.close()
    print(f"TQC learned {steps} steps; its critics give {model.critic.n_quantiles} quantiles each")


if __name__ == "__main__":
    main()
