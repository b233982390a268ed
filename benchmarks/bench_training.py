"""Speed of a whole training: today's defaults, and 8 environments with 2 updates a step of all of them.

Both train `semore` with the light preset on pictures of 64x64 with oracle masks and batches of 64, and take
turns in one process, so that a busy machine slows both. Medians of the rounds, after a warm-up without
updates. `driving` is the part of the time that the environments take.

Arguments: environments and updates a step of the second training, 8 and 2 where there are none.
"""

import sys
import time

import numpy as np
import torch
from stable_baselines3.common.logger import Logger

from semore_gym.config import TrainConfig
from semore_gym.training.build import build_model, build_vec_env, close_vec_env

ROUNDS, AGENT_STEPS, WARM_UP = 5, 64, 128  # agent steps over all environments


class Training:
    """A training that goes on a little at a time."""

    def __init__(self, n_envs, updates):
        options = {"batch_size": 64, "learning_starts": WARM_UP, "gradient_steps": updates}
        config = TrainConfig(image_size=64, preset="light", n_envs=n_envs, device="cpu", algo_options=options)
        self.env = build_vec_env(config, n_envs)
        self.model = build_model(config, self.env)
        self.model.set_logger(Logger(None, []))
        self.driving = 0.0
        wait = self.env.step_wait

        def timed():
            start = time.perf_counter()
            result = wait()
            self.driving += time.perf_counter() - start
            return result

        self.env.step_wait = timed
        self.model.learn(WARM_UP + AGENT_STEPS, log_interval=None)
        self.rounds = []

    def go_on(self):
        updates, self.driving, start = self.model._n_updates, 0.0, time.perf_counter()
        self.model.learn(AGENT_STEPS, log_interval=None, reset_num_timesteps=False)
        seconds = time.perf_counter() - start
        done = self.model._n_updates - updates
        self.rounds.append((AGENT_STEPS / seconds, done / seconds, self.driving / seconds))


def main(n_envs=8, updates=2):
    torch.set_num_threads(1)
    trainings = {(1, 1): Training(1, 1), (n_envs, updates): Training(n_envs, updates)}
    for _ in range(ROUNDS):
        for training in trainings.values():
            training.go_on()
    print(f"1 thread, medians of {ROUNDS} rounds; x = of the first line, round by round")
    print(f"{'':29s}{'env steps/s':>12s}{'x':>7s}{'updates/s':>12s}{'x':>7s}{'driving':>9s}")
    first = np.array(trainings[1, 1].rounds)
    for (envs, steps), training in trainings.items():
        rounds = np.array(training.rounds)
        (driven, learnt, driving), ratio = np.median(rounds, 0), np.median(rounds / first, 0)
        label = f"{envs:2d} environments, {steps:2d} updates"
        print(f"{label:29s}{driven:12.1f}{ratio[0]:7.2f}{learnt:12.2f}{ratio[1]:7.2f}{driving:9.0%}")
        close_vec_env(training.env)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
