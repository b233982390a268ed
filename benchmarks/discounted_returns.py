"""What a reckless and a careful driver earn, by how far ahead they look: which of them a discount asks for.

Mean and standard error over 16 episodes of the discounted sum of agent steps' rewards.
"""

import numpy as np

from semore_gym.agents import named_policy
from semore_gym.make_env import make_env

DISCOUNTS = (0.97, 0.98, 0.99, 0.995, 1.0)
EPISODES = 16


def rewards(policy, env, seed):
    observation, _ = env.reset(seed=seed)
    given, ended = [], False
    while not ended:
        action, _ = policy.predict(observation, deterministic=True)
        observation, reward, terminated, truncated, _ = env.step(np.reshape(action, -1))
        given.append(reward)
        ended = terminated or truncated
    return np.array(given)


def main():
    print(f"{'':26s}" + "".join(f"{discount:>12}" for discount in DISCOUNTS))
    for scenario in ("JayWalk", "HighWay", "HighBeam"):
        env = make_env(f"SemoreCarla-{scenario}-v0", observation="state")
        for name in ("full-throttle", "scripted"):
            policy = named_policy(name, env)
            episodes = [rewards(policy, env, 5000 + number) for number in range(EPISODES)]
            print(f"{scenario:10s}{name:16s}", end="")
            for discount in DISCOUNTS:
                sums = [(each * discount ** np.arange(len(each))).sum() for each in episodes]
                print(f"{np.mean(sums):7.0f} ± {np.std(sums) / EPISODES**0.5:2.0f}", end="")
            print()


if __name__ == "__main__":
    main()
