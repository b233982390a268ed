import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from rl_zoo3 import ALGOS, get_wrapper_class
from rl_zoo3.hyperparams_opt import HYPERPARAMS_SAMPLER
from stable_baselines3 import SAC
from stable_baselines3.common.save_util import load_from_zip_file

import semore_gym
from semore_gym.policies import ALGORITHMS
from semore_gym.zoo import HYPERPARAMS, ZooAlgorithm, register_algorithms
from semore_gym.zoo.__main__ import conf_file

ENV = "SemoreCarla-HighWay-v0"
LEARNT = Path("logs/semore") / f"{ENV}_1"


def zoo(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "semore_gym.zoo", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def _trained(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path_factory.mktemp("zoo"))
        run = zoo(
            *("train", "--algo", "semore", "--env", ENV, "-n", "50", "--seed", "3", "--num-threads", "1"),
            *("--eval-freq", "40", "--eval-episodes", "1", "--env-kwargs", "image_size:36", "max_ticks:40"),
            *("--hyperparams", "preset:'light'", "variant:'m3'", "learning_starts:20", "batch_size:8"),
        )
        assert run.returncode == 0, run.stderr
        yield


@pytest.mark.slow
@pytest.mark.usefixtures("_trained")
def test_train_reads_our_hyperparameters_and_the_users():
    data, tensors, _ = load_from_zip_file(LEARNT / f"{ENV}.zip", device="cpu")
    assert (data["algorithm"], data["num_timesteps"], data["seed"]) == ("SemoreSAC", 50, 3)
    assert (data["variant"], data["batch_size"]) == ("m3", 8)
    assert data["observation_space"]["frames"].shape == (9, 36, 36)
    assert "mask" in data["observation_space"].spaces
    assert tensors["policy"]["actor.latent_pi.0.weight"].shape[0] == 256  # light
    assert (LEARNT / "best_model.zip").is_file()
    assert (LEARNT / ENV / "args.yml").is_file()


@pytest.mark.slow
@pytest.mark.usefixtures("_trained")
def test_enjoy_drives_what_train_saved():
    run = zoo("enjoy", "--algo", "semore", "--env", ENV, "-f", "logs", "-n", "25", "--no-render")
    assert run.returncode == 0, run.stderr
    assert "Episode Length 10" in run.stdout  # 40 ticks, 4 a step: the environment that it was trained in
    assert "2 Episodes" in run.stdout


@pytest.mark.slow
@pytest.mark.usefixtures("_trained")
def test_training_goes_on():
    run = zoo(
        *("train", "--algo", "semore", "--env", ENV, "-n", "30", "--num-threads", "1", "--eval-freq", "-1"),
        *("-i", str(LEARNT / f"{ENV}.zip"), "--env-kwargs", "image_size:36", "max_ticks:40", "-f", "more"),
    )
    assert run.returncode == 0, run.stderr
    data, _, _ = load_from_zip_file(Path("more/semore") / f"{ENV}_1" / f"{ENV}.zip", device="cpu")
    assert (data["num_timesteps"], data["variant"]) == (30, "m3")


def test_every_algorithm_is_in_the_zoo():
    names = register_algorithms()
    assert names == register_algorithms()
    assert {algorithm.name for algorithm in names.values()} == set(ALGORITHMS) - {
        "state"
    }  # whose observation is no picture
    assert all(ALGOS[name] == algorithm for name, algorithm in names.items())
    assert set(names) <= set(HYPERPARAMS_SAMPLER)
    assert ALGOS["sac"] is SAC
    assert names["visual_sac"] == ZooAlgorithm("sac")


@pytest.mark.parametrize("name", sorted(set(ALGORITHMS) - {"state"}))
def test_the_hyperparameters_build_every_algorithm(name):
    settings = yaml.safe_load(HYPERPARAMS.read_text())["default"]
    wrap = get_wrapper_class(settings)
    env = wrap(semore_gym.make_env(ENV, masks=None, image_size=36).unwrapped)
    algorithm = {"policy": settings["policy"], "preset": "light", "buffer_size": 100, "device": "cpu"}
    model = ZooAlgorithm(name)(env=env, **algorithm)
    assert type(model) is ALGORITHMS.load(name)
    env.close()


def test_a_policy_of_another_name_is_refused():
    with pytest.raises(ValueError, match="policy of semore must be auto, got 'CnnPolicy'"):
        ZooAlgorithm("semore")(policy="CnnPolicy", env=None)


def test_our_file_is_read_for_our_algorithms_unless_another_is_named():
    ours = ["--conf-file", str(HYPERPARAMS)]
    assert conf_file(["--algo", "semore", "-f", "logs", "-params", "tau:0.1"], ["semore"]) == ours
    assert conf_file(["--algo=semore"], ["semore"]) == ours
    assert conf_file(["--algo", "semore", "-conf", "mine.yml"], ["semore"]) == []
    assert conf_file(["--algo", "sac"], ["semore"]) == []


def test_without_rl_zoo3_the_extra_is_named():
    code = (
        "import sys; sys.modules['rl_zoo3'] = None; sys.argv = ['zoo', 'train']\n"
        "from semore_gym.zoo.__main__ import main; main()"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert run.returncode == 1
    assert 'pip install "semore-gym[zoo]"' in run.stderr
    assert "Traceback" not in run.stderr
