"""Train Semore on the highway, keep it, and drive one episode with what it has learned."""

import semore_gym
from semore_gym.policies import SemoreSAC, make_algorithm

STEPS = 110_000  # agent steps; with frame skip 4 these are 440,000 simulator ticks


def main(steps: int = STEPS, learning_starts: int = 1_000, batch_size: int = 128) -> float:
    env = semore_gym.make_env("SemoreCarla-HighWay-v0", masks="oracle", image_size=84)
    model = make_algorithm(
        "semore", env, preset="light", seed=0, learning_starts=learning_starts, batch_size=batch_size
    )
    model.learn(steps, progress_bar=True)
    model.save("semore_highway")
    env.close()

    # masks guide training only: the same policy drives where nobody makes them
    env = semore_gym.make_env("SemoreCarla-HighWay-v0", masks="none", image_size=84)
    model = SemoreSAC.load("semore_highway", env)
    observation, info = env.reset(seed=1)
    total, over = 0.0, False
    while not over:
        action, _ = model.predict(observation, deterministic=True)
        observation, reward, terminated, truncated, info = env.step(action)
        total += float(reward)
        over = terminated or truncated
    env.close()
    print(f"episode reward {total:.1f} after {steps} agent steps, ended by {info['end_reason']}")
    return total


if __name__ == "__main__":
    main()
