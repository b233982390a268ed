"""Pictures of a policy: a video of one episode, the curve of its learning."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import gymnasium as gym
import imageio.v2 as imageio
import numpy as np

from semore_gym.envs.driving_env import DrivingEnv
from semore_gym.evaluation.layout import Picture, compose
from semore_gym.evaluation.rollout import drive
from semore_gym.evaluation.tally import Policy
from semore_gym.results.metrics import METRICS
from semore_gym.results.record import EpisodeRecord, Evaluation
from semore_gym.utils.files import new_file, read_rows

END_CARD = 1.5  # how long the last picture stays [s]
# Okabe and Ito's colours, which colour-blind people can tell apart.
BLUE, REFERENCES = "#0072B2", ("#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")


def record_episode(model: Policy, env: gym.Env[Any, Any], path: str | Path, seed: int = 0) -> EpisodeRecord:
    """Drive one episode and write an mp4 of it.

    Each picture shows the environment's `render()`, and beside it what the agent sees: the newest frame
    and, where the observation has one, the frame under its mask. It plays at the environment's speed, of a
    `DrivingEnv` with a picture of every tick.

    Args:
        model: Anything with SB3's `predict`.
        env: One environment, made with `render_mode="rgb_array"`.
        path: Where the mp4 is written; replaced as a whole once it is complete.
        seed: The environment is reset with it.

    Returns:
        What happened in the episode.

    Raises:
        ValueError: If the environment does not render arrays.
    """
    if env.render_mode != "rgb_array":
        raise ValueError(
            f'env must be made with render_mode="rgb_array", its render_mode is {env.render_mode!r}'
        )
    inner = env.unwrapped
    fps = env.metadata.get("render_fps", 30) * (inner.frame_skip if isinstance(inner, DrivingEnv) else 1)
    with new_file(Path(path)) as unfinished:
        # Constant quality, and pictures of any even size.
        writer: Any = imageio.get_writer(unfinished, fps=fps, quality=7, macro_block_size=2)
        with writer as video:
            record = _film(model, env, seed, video.append_data, round(END_CARD * fps))
    return record


def _film(
    model: Policy, env: gym.Env[Any, Any], seed: int, show: Callable[[Picture], None], last: int
) -> EpisodeRecord:
    """Drive an episode and show each of its pictures, the last one `last` times more."""
    seen: Any = None

    def picture() -> Picture:
        return compose(np.asarray(env.render(), np.uint8), seen)

    def look(observation: Any) -> None:
        nonlocal seen
        seen = observation
        show(picture())

    inner = env.unwrapped
    if isinstance(inner, DrivingEnv):
        inner.on_tick = lambda: show(picture())
    try:
        record = drive(model, env, 0, seed, look=look)
    finally:
        if isinstance(inner, DrivingEnv):
            inner.on_tick = None
    card = picture()
    for _ in range(last):
        show(card)
    return record


def plot_learning_curve(
    points: str | Path | Iterable[Mapping[str, Any]],
    path: str | Path,
    references: Mapping[str, Evaluation] | None = None,
) -> None:
    """Draw episode reward and distance over the course of a training.

    Args:
        points: A CSV file or its rows, one an evaluation: `agent_steps`, the means `episode_reward` and
            `distance` (either may be missing), their intervals `..._low` and `..._high` if known, and
            `simulator_ticks` for a second scale.
        path: Where the picture is written; its suffix tells the format.
        references: Evaluations of other policies by name, drawn as horizontal lines at their means.

    Raises:
        ValueError: If there is no point, or no quantity to draw.
    """
    from matplotlib.figure import Figure

    rows = _read(points)
    names = [name for name in ("episode_reward", "distance") if rows and name in rows[0]]
    if not names:
        raise ValueError("points must be rows with agent_steps and episode_reward or distance, got none")
    figure = Figure(figsize=(5.2 * len(names), 3.9), dpi=150, layout="constrained")
    for i, name in enumerate(names):
        _draw(figure.add_subplot(1, len(names), i + 1), rows, name, references or {})
    with new_file(Path(path)) as unfinished:
        figure.savefig(unfinished)


def _read(points: str | Path | Iterable[Mapping[str, Any]]) -> list[dict[str, float]]:
    if isinstance(points, (str, Path)):
        points = read_rows(Path(points))
    return [{name: float(value) for name, value in row.items() if value not in ("", None)} for row in points]


def _draw(axes: Any, rows: list[dict[str, float]], name: str, references: Mapping[str, Evaluation]) -> None:
    """One panel: the curve with its interval, and the references."""
    steps = [row["agent_steps"] for row in rows]
    known_interval = all(f"{name}_low" in row and f"{name}_high" in row for row in rows)
    label = "agent, with 95% interval" if known_interval else "agent"
    axes.plot(
        steps, [row[name] for row in rows], color=BLUE, linewidth=2, marker="o", markersize=4, label=label
    )
    if known_interval:
        low, high = ([row[f"{name}_{end}"] for row in rows] for end in ("low", "high"))
        axes.fill_between(steps, low, high, color=BLUE, alpha=0.18, linewidth=0)
    for (policy, evaluation), color in zip(references.items(), REFERENCES * len(references), strict=False):
        if evaluation.values(name):
            mean = evaluation.mean(name)
            axes.axhline(mean, color=color, linestyle=(0, (5, 3)), linewidth=1.5, label=policy)
    axes.set(xlabel="agent steps", ylabel=METRICS[name].title)
    axes.xaxis.set_major_formatter("{x:,.0f}")
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(axis="y", color="0.9")
    axes.set_axisbelow(True)
    axes.set_xlim(left=0)
    axes.legend(framealpha=0.9, edgecolor="none", fontsize="small", loc="best")  # lines may pass below it
    if steps[-1] and "simulator_ticks" in rows[-1]:
        _add_ticks(axes, rows[-1]["simulator_ticks"] / steps[-1])


def _add_ticks(axes: Any, ticks_per_step: float) -> None:
    scale = axes.secondary_xaxis(
        "top", functions=(lambda steps: steps * ticks_per_step, lambda ticks: ticks / ticks_per_step)
    )
    scale.set_xlabel("simulator ticks", fontsize="small", color="0.4")
    scale.tick_params(labelsize="small", colors="0.4")
    scale.xaxis.set_major_formatter("{x:,.0f}")
    scale.spines["top"].set_visible(False)
