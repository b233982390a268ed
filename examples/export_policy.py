"""Export a trained agent to ONNX and drive with the file, which needs onnxruntime and no torch."""

import json

import numpy as np
import onnxruntime

import semore_gym
from semore_gym.agents import named_agent
from semore_gym.policies import export_onnx


def export(path: str) -> None:
    """What happens in the lab; instead of the agent that ships with the package, a run folder of yours."""
    export_onnx(named_agent("pretrained", device="cpu"), path, action_names=("steer", "throttle"))


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


def main(path: str = "driver.onnx") -> float:
    export(path)
    return drive(path)


if __name__ == "__main__":
    main()
