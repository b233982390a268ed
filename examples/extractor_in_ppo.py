"""Semore's encoder inside SB3's PPO, on four environments at once."""

from stable_baselines3 import PPO
from stable_baselines3.common.env_util import make_vec_env

import semore_gym
from semore_gym.policies import SemoreExtractor

STEPS = 2_000  # agent steps


def main(steps: int = STEPS, n_steps: int = 128, batch_size: int = 64) -> None:
    options = {"id": "SemoreCarla-HighWay-v0", "masks": None, "image_size": 64}
    env = make_vec_env(semore_gym.make_env, n_envs=4, seed=0, env_kwargs=options)
    model = PPO(
        "MultiInputPolicy",
        env,
        n_steps=n_steps,
        batch_size=batch_size,
        policy_kwargs={
            "features_extractor_class": SemoreExtractor,
            "features_extractor_kwargs": {"channels": (32, 32, 32, 32)},
            "net_arch": [256, 256],
        },
        seed=0,
    )
    model.learn(steps)
    env.close()
    print(f"PPO learned {model.num_timesteps} steps")


if __name__ == "__main__":
    main()
