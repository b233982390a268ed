import io
import time
from pathlib import Path

import pytest
from rich.console import Console

from semore_gym.benchmark.jobs import Job, seconds_left
from semore_gym.benchmark.view import View, summary
from semore_gym.config import TrainConfig
from semore_gym.training.run_folder import RunFolder


@pytest.fixture
def jobs(tmp_path: Path) -> list[Job]:
    """One of each state."""
    names = [f"{what}-HighBeam-seed0" for what in ("waiting", "running", "ending", "failing")]
    found = [Job(name, RunFolder.create(TrainConfig(steps=200), tmp_path / name)) for name in names]
    found[1].state, found[2].state, found[3].state = "running", "finished", "failed"
    for job, steps in ((found[1], 50), (found[2], 200), (found[3], 120)):
        write_episodes(job.run, steps)
        job.look()
    return found


def write_episodes(run: RunFolder, steps: int) -> None:
    rows = [{"agent_steps": step, "episode_reward": step / 10} for step in range(10, steps + 1, 10)]
    run.write_rows("episodes", rows)


def shown(jobs: list[Job], terminal: bool) -> str:
    console = Console(file=io.StringIO(), force_terminal=terminal, width=80, highlight=False)
    with View(console) as view:
        view.say("sac begins [0]")
        view.update(jobs)
        view.update(jobs, last=True)
    return console.file.getvalue()


def test_a_job_reads_its_steps_and_last_rewards_from_its_folder(jobs):
    assert [job.steps for job in jobs] == [0, 50, 200, 120]
    assert jobs[0].reward is None
    assert jobs[1].reward == pytest.approx((1 + 2 + 3 + 4 + 5) / 5)
    assert jobs[2].reward == pytest.approx(sum(range(11, 21)) / 10)
    assert [job.left for job in jobs] == [200, 150, 0, 0]


def test_the_time_to_go_comes_from_the_speed_since_it_was_first_seen(jobs):
    assert seconds_left(jobs) is None
    time.sleep(0.05)
    write_episodes(jobs[1].run, 70)
    jobs[1].look()
    assert 0 < jobs[1].speed <= 20 / 0.05
    assert seconds_left([jobs[1]]) >= 130 / (20 / 0.05)
    assert seconds_left(jobs) > seconds_left([jobs[1]])


def test_a_terminal_shows_every_trial(jobs):
    said = shown(jobs, terminal=True)
    for job in jobs:
        assert job.name in said
        assert job.state in said
    assert "120" in said
    assert "3.0" in said
    assert "sac begins [0]" in said


def test_elsewhere_there_are_lines(jobs):
    expected = "1 running, 1 failed, 1 waiting, 1 finished; 46% of the agent steps done"
    assert shown(jobs, terminal=False).splitlines() == ["sac begins [0]", expected]
    assert summary(jobs) == expected


def test_the_last_words_of_a_training_are_kept(jobs):
    assert jobs[0].last_words == "it said nothing"
    jobs[0].output.write_text("Traceback\n  ValueError: no road\n\n")
    assert jobs[0].last_words == "ValueError: no road"


def test_the_result_leaves_out_what_the_evaluation_does_not_tell(jobs):
    jobs[2].run.write_rows("evaluations", [{"agent_steps": 200, "episode_reward": 1.25, "distance": ""}])
    assert jobs[2].result == "episode reward 1.2"
    jobs[2].run.write_rows("evaluations", [{"agent_steps": 200}])
    assert jobs[2].result == "no episode counts"
