"""Updates per second and memory of every algorithm beside `sac`: 84x84, batch 128, every picture masked.

Each is measured in a process of its own, in turns; the best of the rounds counts. Times are compared in
seconds of the CPU, which a busy machine disturbs less. Memory is the greatest resident size, less what the
imports take. `explained` is what an algorithm's encoder passes cost in units of `sac`'s, a backward pass
being two forward ones; `unexplained` is the measured ratio of times over that.

Arguments: a preset (paper or light), then names of algorithms; paper and all of them where there are none.
"""

import json
import resource
import subprocess
import sys
import time

SIZE, BATCH, TRANSITIONS, ROUNDS = 84, 128, 256, 2
UPDATES = {"paper": 4, "light": 20}
HEADER = f"{'':9s}{'updates/s':>10s}{'time':>7s}{'memory':>9s}{'':>7s}{'forward':>9s}{'backward':>9s}"


def resident():
    """Greatest resident size of this process so far [MB]."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3


def measure(preset, name):
    """In this process: seconds an update on the clock and of the CPU, memory [MB], encoder passes."""
    from passes import count_passes

    from helpers.dots import PointAtDot
    from semore_gym.policies import make_algorithm

    imports = resident()
    env = PointAtDot(size=SIZE)
    model = make_algorithm(
        name, env, preset, buffer_size=TRANSITIONS, batch_size=BATCH, learning_starts=10**6, seed=0
    )
    model.learn(TRANSITIONS)
    passes = count_passes(model, BATCH, updates=2)  # the actor and the targets learn at every second update
    wall, cpu = time.perf_counter(), time.process_time()
    model.train(UPDATES[preset], BATCH)
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    return {
        "wall": wall / UPDATES[preset],
        "cpu": cpu / UPDATES[preset],
        "memory": resident() - imports,
        **passes,
    }


def in_a_process(preset, name):
    command = [sys.executable, __file__, "--measure", preset, name]
    return json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout)


def cost(found):
    return found["forward"] + 2 * found["backward"]


def main(preset="paper", *names):
    from semore_gym.policies import ALGORITHMS

    names = ["sac", *(name for name in names or sorted(ALGORITHMS) if name not in ("sac", "state"))]
    rounds = [{name: in_a_process(preset, name) for name in names} for _ in range(ROUNDS)]
    best = {name: min((found[name] for found in rounds), key=lambda one: one["cpu"]) for name in names}
    sac = best["sac"]
    print(f"preset {preset}, {SIZE}x{SIZE}, batch {BATCH}; time, memory and explained cost beside sac's")
    print(f"{HEADER}{'explained':>11s}{'unexplained':>13s}")
    for name, found in best.items():
        ratio, explained = found["cpu"] / sac["cpu"], cost(found) / cost(sac)
        print(
            f"{name:9s}{1 / found['wall']:10.3f}{ratio:6.2f}x{found['memory']:6.0f} MB"
            f"{found['memory'] / sac['memory']:6.2f}x{found['forward']:9.2f}{found['backward']:9.2f}"
            f"{explained:10.2f}x{ratio / explained:13.2f}"
        )


if __name__ == "__main__":
    if sys.argv[1:2] == ["--measure"]:
        print(json.dumps(measure(*sys.argv[2:])))
    else:
        main(*sys.argv[1:])
