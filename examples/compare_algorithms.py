"""Several algorithms by name (all of them take some minutes), the same small budget each, in one table."""

import sys

from rich.console import Console

import semore_gym
from semore_gym.evaluation import RandomPolicy, evaluate, table
from semore_gym.policies import ALGORITHMS, make_algorithm

STEPS = 1_000  # agent steps of each algorithm; far more are needed for numbers that mean something


def main(
    names: list[str] | None = None,
    steps: int = STEPS,
    episodes: int = 10,
    learning_starts: int = 200,
    batch_size: int = 32,
) -> None:
    sizes = {"learning_starts": learning_starts, "batch_size": batch_size, "buffer_size": steps}
    env = semore_gym.make_env("SemoreCarla-HighWay-v0", masks="oracle", image_size=64)
    results = {"random": evaluate(RandomPolicy(env.action_space, seed=0), env, episodes)}
    for name in names or sorted(set(ALGORITHMS) - {"state"}):  # those that see
        model = make_algorithm(name, env, preset="light", seed=0, **sizes)
        model.learn(steps)
        results[name] = evaluate(model, env, episodes)
        print(f"{name} is done")
    env.close()
    Console().print(table(results))


if __name__ == "__main__":
    main(sys.argv[1:])
