"""The model card of a shared agent."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from semore_gym.results.metrics import METRICS
from semore_gym.results.record import Evaluation
from semore_gym.results.statistics import Summary

if TYPE_CHECKING:
    from semore_gym.hub.description import Description

UNKNOWN = "an environment of its own"
MADE_OF = ("observation", "image_size", "frames", "frame_skip", "max_ticks", "weather", "scenario_options")
EPISODE = """env = {make}
observation, info = env.reset(seed=0)
terminated = truncated = False
while not (terminated or truncated):
    action, _ = model.predict(observation, deterministic=True)
    observation, reward, terminated, truncated, info = env.step(action)
env.close()"""
UNKNOWN_EPISODE = """observation = model.observation_space.sample()  # your environment's
action, _ = model.predict(observation, deterministic=True)"""


def card(
    described: Description,
    evaluation: Evaluation | None,
    video: str | None,
    repo_id: str | None,
    agent_steps: int,
) -> str:
    """Write a README.md whose header the hub reads.

    Args:
        described: The agent.
        evaluation: What it achieved, if known.
        video: Name of a video beside the card, if there is one.
        repo_id: `user/name` on the hub, if it goes there.
        agent_steps: That it was trained for.

    Returns:
        Markdown below a YAML header with library, tags and, of an evaluation, the metrics.
    """
    env = described.environment["env"] if described.environment else UNKNOWN
    metrics = {} if evaluation is None else evaluation.metrics()
    parts = [
        f"---\n{_header(described.algorithm, env, metrics)}\n---",
        f"# {described.algorithm} on {env}",
        "A [Stable-Baselines3](https://stable-baselines3.readthedocs.io) agent of semore-gym that drives "
        f"from pixels, trained for {agent_steps:,} agent steps.",
    ]
    if video is not None:
        parts.append(f"<video controls src='{video}'></video>")
    if evaluation is not None:
        parts += ["## Evaluation", _table(evaluation, metrics)]
    parts += ["## Use", _usage(repo_id, described.environment)]
    return "\n\n".join(parts) + "\n"


def _header(algorithm: str, env: str, metrics: dict[str, Summary]) -> str:
    from huggingface_hub import EvalResult, ModelCardData

    results = [
        EvalResult(
            task_type="reinforcement-learning",
            task_name="reinforcement-learning",
            dataset_type=env,
            dataset_name=env,
            metric_type="mean_reward" if name == "episode_reward" else name,
            metric_name=METRICS[name].title,
            metric_value=metric.texts()[0].replace("±", "+/-"),
        )
        for name, metric in metrics.items()
    ]
    header: dict[str, Any] = {"model_name": algorithm, "eval_results": results} if results else {}
    tags = ["reinforcement-learning", "deep-reinforcement-learning", "stable-baselines3", algorithm, env]
    return ModelCardData(
        library_name="semore-gym", pipeline_tag="reinforcement-learning", tags=tags, **header
    ).to_yaml()


def _table(evaluation: Evaluation, metrics: dict[str, Summary]) -> str:
    rows = [
        "| {} | {} | {} |".format(METRICS[name].title, *metric.texts()) for name, metric in metrics.items()
    ]
    ends = ", ".join(f"{reason} {count}" for reason, count in evaluation.end_reasons().items())
    head = ["| | mean ± std | IQM [95% interval] |", "|---|---|---|"]
    return "\n".join([*head, *rows, "", f"{evaluation.episode_count}; ends: {ends}."])


def _usage(repo_id: str | None, environment: dict[str, Any] | None) -> str:
    load = f'load_from_hub("{repo_id}")' if repo_id else 'load_from_folder(".")'
    function = load.partition("(")[0]
    return f"""{"" if repo_id else "In this folder:"}

```sh
pip install {'"semore-gym[hub]"' if repo_id else "semore-gym"}
semore watch {f"hf:{repo_id}" if repo_id else "."}
```

```python
import semore_gym
from semore_gym.hub import {function}

model = {load}
{EPISODE.format(make=_call(environment)) if environment else UNKNOWN_EPISODE}
```

The weights are safetensors and the rest is JSON: loading runs no code from here.""".lstrip()


def _call(environment: dict[str, Any]) -> str:
    """Python that makes the environment, without masks, which no policy looks at when it acts."""
    config = {"masks": "none", **{name: environment[name] for name in MADE_OF if name in environment}}
    if config.get("observation") == "state":
        del config["masks"]
    words = [f"{name}={value!r}" for name, value in {**config, **environment.get("env_options", {})}.items()]
    return f"semore_gym.make_env({', '.join([repr(environment['env']), *words])})"
