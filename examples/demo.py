"""Train Semore on HighWay for some minutes, compare it with simple policies."""

from rich.console import Console

from semore_gym.agents import named_policy
from semore_gym.config import TrainConfig
from semore_gym.evaluation import Evaluation, evaluate, plot_learning_curve, table
from semore_gym.training.build import build_env
from semore_gym.training.trainer import Trainer

CONFIG = TrainConfig(
    env="SemoreCarla-HighWay-v0",
    algo="semore",
    preset="lighter",
    image_size=48,
    n_envs=8,
    steps=20_000,
    evaluate_every=5_000,
    evaluation_episodes=5,
    checkpoint_every=5_000,
    exploration_fraction=1.0,  # so short a training explores to its end
    algo_options={
        "gradient_steps": 2,
        "batch_size": 64,
        "gamma": 0.995,
        "replay_buffer_kwargs": {"n_steps": 3},
    },
)
BUILT_IN = {
    "random": "random",
    "do nothing": "do-nothing",
    "straight ahead, full throttle": "full-throttle",
    "scripted driver": "scripted",
}


def main(config: TrainConfig = CONFIG, episodes: int = 20) -> dict[str, Evaluation]:
    """Train, evaluate, show; returns what the table shows."""
    console = Console(highlight=False, soft_wrap=True)
    env = build_env(config, masks="none")  # masks guide the training; a trained agent drives without
    with Trainer.new(config, console=console) as trainer:
        run = trainer.run
        console.print(f"training Semore in {run.path}: {config.budget()}")
        results = {"Semore before training": evaluate(trainer.model, env, episodes)}
        if not trainer.train():
            console.print(f"stopped; go on with: semore train --resume {run.path}")
            return results
        console.print(f"driving {episodes} episodes with every policy")
        results["Semore after training"] = evaluate(trainer.model, env, episodes)
    for label, name in BUILT_IN.items():
        results[label] = evaluate(named_policy(name, env), env, episodes)
    env.close()
    references = {label: results[label] for label in ("random", "scripted driver")}
    plot_learning_curve(run.rows("evaluations"), run.curve, references)
    console.print(table(results), soft_wrap=False)
    console.print(f"video:          {run.video(config.steps)}")
    console.print(f"learning curve: {run.curve}")
    console.print(f"checkpoint:     {run.newest_checkpoint()}")
    return results


if __name__ == "__main__":
    main()
