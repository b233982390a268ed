"""The acting path of a trained agent as an ONNX file, which runs where there is no torch."""

from __future__ import annotations

import json
import logging
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

import semore_gym
from semore_gym.policies.acceleration import accelerate
from semore_gym.policies.compiled import uncompiled
from semore_gym.policies.visual_policy import VisualPolicy, frames_shape
from semore_gym.policies.visual_sac import VisualSAC


def export_onnx(model: VisualSAC, path: str | Path, action_names: Sequence[str] | None = None) -> Path:
    """Write what `model.predict(observation, deterministic=True)` computes as an ONNX file.

    The file has one input, `frames` (batch, 3k, H, W) uint8 of any batch size: k RGB frames, channels first,
    the oldest first, as `FrameHistory` stacks them. Its one output, `actions` (batch, A) float32, lies in the
    action space. Scaling is inside; masks and residuals are no inputs, since acting never looks at them.

    Its metadata are `algorithm` (the class), `frames_shape`, `action_names`, `action_low` and `action_high`
    (JSON lists) and `semore_gym` (the version).

    Args:
        model: Any trained `VisualSAC`; it is not changed.
        path: Where the file goes; its folder is made if need be.
        action_names: What the A actions mean; None means action_0, action_1, ...

    Returns:
        `path`.

    Raises:
        ValueError: If there is not one name for each action.
        ModuleNotFoundError: If onnx or onnxscript is missing.

    Example:
        >>> import numpy as np, onnxruntime
        >>> from semore_gym import make_env
        >>> from semore_gym.policies import make_algorithm
        >>> model = make_algorithm("drq", make_env("SemoreCarla-HighWay-v0", image_size=84), preset="light")
        >>> path = export_onnx(model, "driver.onnx", action_names=("steer", "throttle"))
        >>> session = onnxruntime.InferenceSession(path)
        >>> (actions,) = session.run(None, {"frames": np.zeros((1, 9, 84, 84), np.uint8)})
        >>> actions.shape
        (1, 2)
    """
    for package in ("onnx", "onnxscript"):
        if find_spec(package) is None:
            raise ModuleNotFoundError(
                f'export needs {package}: pip install "semore-gym[export]"', name=package
            )
    policy = model.policy
    metadata = _metadata(policy, action_names) | {"algorithm": type(model).__name__}
    # a batch of two: torch.export takes a batch of one for a constant
    example = torch.zeros(2, *frames_shape(policy.observation_space), dtype=torch.uint8)
    shapes = ({0: torch.export.Dim("batch")},)
    with _quiet(), torch.no_grad():
        graph = torch.export.export(ActingPath(policy).eval(), (example,), dynamic_shapes=shapes)
        program = torch.onnx.export(
            graph, input_names=["frames"], output_names=["actions"], dynamic_shapes=shapes, verbose=False
        )
    assert program is not None
    program.model.metadata_props.update(metadata)
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    program.save(path)
    return path


class ActingPath(nn.Module):
    """From frames to the mean action, on the CPU, by copies of a policy's encoder and actor.

    Args:
        policy: The policy.
    """

    low: Tensor
    high: Tensor

    def __init__(self, policy: VisualPolicy) -> None:
        super().__init__()
        self.encoder = uncompiled(policy.critic.encoder).cpu()
        accelerate(self.encoder, "off")
        # not the actor itself: after training it holds tensors that cannot be copied
        actor = policy.actor
        self.mean = uncompiled(nn.Sequential(actor.head, actor.latent_pi, actor.mu)).cpu()
        self.register_buffer("low", torch.as_tensor(policy.action_space.low))
        self.register_buffer("high", torch.as_tensor(policy.action_space.high))

    def forward(self, frames: Tensor) -> Tensor:
        """Return the actions (B, A) float32 for frames (B, 3k, H, W) uint8."""
        actions = torch.tanh(self.mean(self.encoder.look(frames)))
        return self.low + 0.5 * (actions + 1.0) * (self.high - self.low)


def _metadata(policy: VisualPolicy, action_names: Sequence[str] | None) -> dict[str, str]:
    space = policy.action_space
    count = int(np.prod(space.shape))
    names = [f"action_{i}" for i in range(count)] if action_names is None else list(action_names)
    if len(names) != count:
        raise ValueError(f"action_names must be {count} names, one for each action, got {names}")
    lists = {
        "frames_shape": list(frames_shape(policy.observation_space)),
        "action_names": names,
        "action_low": space.low.tolist(),
        "action_high": space.high.tolist(),
    }
    return {"semore_gym": semore_gym.__version__, **{key: json.dumps(item) for key, item in lists.items()}}


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep back what torch's exporter says of itself: that torchvision is missing, that it is outdated."""
    log = logging.getLogger("torch.onnx")
    level = log.level
    log.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        log.setLevel(level)
