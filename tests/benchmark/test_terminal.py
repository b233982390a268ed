import io
import time
from pathlib import Path

import pytest
from rich.console import Console

from semore_gym.benchmark.terminal import TerminalProgress, summary
from semore_gym.benchmark.trials import TrialProgress, seconds_left
from semore_gym.config import TrainConfig
from semore_gym.training.run_folder import RunFolder


@pytest.fixture
def trials(tmp_path: Path) -> list[TrialProgress]:
    """One of each state."""
    names = [f"{what}-HighBeam-seed0" for what in ("waiting", "running", "ending", "failing")]
    found = [TrialProgress(name, RunFolder.create(TrainConfig(steps=200), tmp_path / name)) for name in names]
    found[1].state, found[2].state, found[3].state = "running", "finished", "failed"
    for trial, steps in ((found[1], 50), (found[2], 200), (found[3], 120)):
        write_episodes(trial.run, steps)
        trial.look()
    return found


def write_episodes(run: RunFolder, steps: int) -> None:
    rows = [{"agent_steps": step, "episode_reward": step / 10} for step in range(10, steps + 1, 10)]
    run.write_rows("episodes", rows)


def shown(trials: list[TrialProgress], terminal: bool) -> str:
    console = Console(file=io.StringIO(), force_terminal=terminal, width=80, highlight=False)
    with TerminalProgress(console) as progress:
        progress.say("sac begins [0]")
        progress.update(trials)
        progress.update(trials, last=True)
    return console.file.getvalue()


def test_a_trial_reads_its_steps_and_last_rewards_from_its_folder(trials):
    assert [trial.steps for trial in trials] == [0, 50, 200, 120]
    assert trials[0].reward is None
    assert trials[1].reward == pytest.approx((1 + 2 + 3 + 4 + 5) / 5)
    assert trials[2].reward == pytest.approx(sum(range(11, 21)) / 10)
    assert [trial.left for trial in trials] == [200, 150, 0, 0]


def test_the_time_to_go_comes_from_the_speed_since_it_was_first_seen(trials):
    assert seconds_left(trials) is None
    time.sleep(0.05)
    write_episodes(trials[1].run, 70)
    trials[1].look()
    assert 0 < trials[1].speed <= 20 / 0.05
    assert seconds_left([trials[1]]) >= 130 / (20 / 0.05)
    assert seconds_left(trials) > seconds_left([trials[1]])


def test_a_terminal_shows_every_trial(trials):
    said = shown(trials, terminal=True)
    for trial in trials:
        assert trial.name in said
        assert trial.state in said
    assert "120" in said
    assert "3.0" in said
    assert "sac begins [0]" in said


def test_elsewhere_there_are_lines(trials):
    expected = "1 running, 1 failed, 1 waiting, 1 finished; 46% of the agent steps done"
    assert shown(trials, terminal=False).splitlines() == ["sac begins [0]", expected]
    assert summary(trials) == expected


def test_the_last_words_of_a_training_are_kept(trials):
    assert trials[0].last_words == "it said nothing"
    trials[0].output.write_text("Traceback\n  ValueError: no road\n\n")
    assert trials[0].last_words == "ValueError: no road"


def test_the_result_leaves_out_what_the_evaluation_does_not_tell(trials):
    trials[2].run.write_rows("evaluations", [{"agent_steps": 200, "episode_reward": 1.25, "distance": ""}])
    assert trials[2].result == "episode reward 1.2"
    trials[2].run.write_rows("evaluations", [{"agent_steps": 200}])
    assert trials[2].result == "no episode counts"
