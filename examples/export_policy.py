"""Export a trained agent to ONNX and drive with the file, which needs onnxruntime and no torch."""

import json

import numpy as np
import onnxruntime

import semore_gym
from semore_gym.policies import export_onnx, make_algorithm

STEPS = 1_000  # agent steps of the agent that is exported


def train(path: str, steps: int, learning_starts: int, batch_size: int) -> None:
    """What happens in the lab."""
    env = semore_gym.make_env("SemoreCarla-HighWay-v0", masks="oracle", image_size=48)
    sizes = {"learning_starts": learning_starts, "batch_size": batch_size, "buffer_size": steps}
    model = make_algorithm("semore", env, preset="light", seed=0, **sizes)
    model.learn(steps)
    export_onnx(model, path, action_names=("steer", "throttle"))
    env.close()


def drive(path: str) -> float:
    """What happens in the car: frames in, actions out, and no masks."""
    session = onnxruntime.InferenceSession(path)
    about = session.get_modelmeta().custom_metadata_map
    names, shape = json.loads(about["action_names"]), json.loads(about["frames_shape"])
    print(f"{about['algorithm']} sees frames {shape} and gives {', '.join(names)}")

    env = semore_gym.make_env("SemoreCarla-HighWay-v0", masks=None, image_size=shape[1], frames=shape[0] // 3)
    observation, info = env.reset(seed=1)
    distance, over = 0.0, False
    while not over:
        frames = observation["frames"][np.newaxis]
        (actions,) = session.run(["actions"], {"frames": frames})
        observation, _, terminated, truncated, info = env.step(actions[0])
        distance += info["distance"]
        over = terminated or truncated
    env.close()
    print(f"drove {distance:.0f} m, ended by {info['end_reason']}")
    return distance


def main(steps: int = STEPS, learning_starts: int = 200, batch_size: int = 32) -> float:
    train("driver.onnx", steps, learning_starts, batch_size)
    return drive("driver.onnx")


if __name__ == "__main__":
    main()
