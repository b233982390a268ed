import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from gymnasium import spaces
from safetensors.torch import load_file, save_file

from semore_gym.config import EnvConfig
from semore_gym.evaluation import EpisodeRecord, Evaluation
from semore_gym.hub import load_from_folder, save_to_folder
from semore_gym.hub.description import Description
from semore_gym.hub.spaces import space_from_json, space_to_json
from semore_gym.policies import ALGORITHMS, SemoreSAC, make_algorithm
from semore_gym.training.noise import ThrottleNoise

SMALL = {"net_arch": [32, 32], "encoder_kwargs": {"channels": (8, 8, 8, 8)}}
QUICK = {
    "learning_starts": 20,
    "warm_up_updates": 0,
    "batch_size": 8,
    "buffer_size": 100,
    "device": "cpu",
    "policy_kwargs": SMALL,
}


def actions(model, env, count: int = 20):
    env.observation_space.seed(0)
    pictures = [env.observation_space.sample() for _ in range(count)]
    return np.array([model.predict(picture, deterministic=True)[0] for picture in pictures])


@pytest.fixture(scope="module")
def shared(tmp_path_factory, driving_env) -> Path:
    model = make_algorithm("semore", driving_env(), seed=0, **QUICK)
    return save_to_folder(model, tmp_path_factory.mktemp("shared") / "agent")


@pytest.fixture
def copy(shared, tmp_path) -> Path:
    for file in shared.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    return tmp_path


@pytest.mark.slow
@pytest.mark.parametrize("name", ALGORITHMS)
def test_every_algorithm_comes_back_bit_for_bit_and_learns_on(name, driving_env, tmp_path):
    env, settings = driving_env(), QUICK
    if ALGORITHMS.load(name).observation == "state":
        env, settings = driving_env(observation="state"), {**QUICK, "policy_kwargs": {"net_arch": [32, 32]}}
    model = make_algorithm(name, env, seed=0, tau=0.02, learning_rate=5e-4, **settings).learn(26)
    folder = save_to_folder(model, tmp_path / "agent")
    assert sorted(file.name for file in folder.iterdir()) == ["README.md", "config.json", "model.safetensors"]
    loaded = load_from_folder(folder, env=env, device="cpu")
    assert type(loaded) is type(model)
    np.testing.assert_array_equal(actions(loaded, env), actions(model, env))
    assert (loaded.tau, loaded.learning_rate, loaded.num_timesteps) == (0.02, 5e-4, 26)
    kept, found = model.get_parameters(), loaded.get_parameters()
    for part in ("policy", "heads"):
        for key, tensor in kept[part].items():
            assert torch.equal(tensor, found[part][key]), key
    assert torch.equal(model.log_ent_coef, loaded.log_ent_coef)
    before = [weight.clone() for weight in loaded.policy.parameters()]
    loaded.learn(26)
    assert loaded._n_updates == 6
    assert any(not torch.equal(*pair) for pair in zip(before, loaded.policy.parameters(), strict=True))


@pytest.mark.parametrize("residual", [True, False])
def test_it_learns_on_with_a_residual_and_without(residual, driving_env, tmp_path):
    env, other = driving_env(residual=residual), driving_env(residual=not residual)
    folder = save_to_folder(make_algorithm("semore", env, seed=0, **QUICK), tmp_path)
    loaded = load_from_folder(folder, env=other, device="cpu").learn(26)
    assert loaded.observation_space == other.observation_space != env.observation_space
    assert loaded._n_updates > 0
    np.testing.assert_array_equal(
        actions(load_from_folder(folder), env), actions(make_algorithm("semore", other, seed=0, **QUICK), env)
    )


@pytest.mark.parametrize("variant", ["m1", "m2", "m3"])
def test_variants_and_weights_come_back(variant, driving_env, tmp_path):
    model = make_algorithm(
        "semore", driving_env(), variant=variant, reward_weight=0.3, judge=None, ent_coef=0.05, **QUICK
    )
    loaded = load_from_folder(save_to_folder(model, tmp_path))
    assert isinstance(loaded, SemoreSAC)
    assert loaded.loss_weights == model.loss_weights
    assert type(loaded.critic.encoder) is type(model.critic.encoder)
    assert type(loaded.replay_buffer) is type(model.replay_buffer)
    assert loaded.temperature.item() == pytest.approx(0.05)
    assert loaded.train_freq == model.train_freq


def test_what_json_cannot_hold_is_left_out_or_refused(driving_env, tmp_path, caplog):
    model = make_algorithm("sac", driving_env(), learning_rate=lambda left: 1e-3 * left, **QUICK)
    save_to_folder(model, tmp_path)
    assert "not shared, since JSON cannot hold them: learning_rate" in caplog.text
    assert load_from_folder(tmp_path).learning_rate == 1e-3  # the default
    model.policy_kwargs["activation_fn"] = lambda: torch.nn.ReLU()
    with pytest.raises(ValueError, match="policy_kwargs cannot be shared: function is nothing"):
        save_to_folder(model, tmp_path)


def test_a_trained_agent_is_shared_without_a_warning(driving_env, tmp_path, caplog):
    model = make_algorithm("sac", driving_env(), action_noise=ThrottleNoise(0.5), **QUICK).learn(22)
    save_to_folder(model, tmp_path)
    assert caplog.text == ""
    assert load_from_folder(tmp_path).action_noise is None


def test_nothing_of_this_machine_is_shared(driving_env, tmp_path):
    model = make_algorithm("sac", driving_env(), tensorboard_log="/home/someone/logs", **QUICK)
    assert "someone" not in (save_to_folder(model, tmp_path) / "config.json").read_text()


def test_an_algorithm_without_a_name_is_refused(driving_env, tmp_path):
    class Mine(SemoreSAC):
        pass

    model = make_algorithm("semore", driving_env(), **QUICK)
    model.__class__ = Mine
    with pytest.raises(ValueError, match="Mine must be in ALGORITHMS to be shared"):
        save_to_folder(model, tmp_path)


def test_the_card_tells_the_metrics(driving_env, tmp_path):
    rows = [
        EpisodeRecord(i, i, "collision", {"episode_reward": reward, "distance": 50.0 + i})
        for i, reward in enumerate((1.0, 3.0))
    ]
    (tmp_path / "drive.mp4").write_bytes(b"video")
    model = make_algorithm("semore", driving_env(), **QUICK)
    env = EnvConfig(env="SemoreCarla-JayWalk-v0")
    folder = save_to_folder(
        model,
        tmp_path / "agent",
        env=env,
        evaluation=Evaluation(rows),
        video=tmp_path / "drive.mp4",
        repo_id="me/driver",
    )
    _, header, text = (folder / "README.md").read_text().split("---\n", 2)
    data = yaml.safe_load(header)
    assert data["library_name"] == "semore-gym"
    assert {"reinforcement-learning", "semore", "SemoreCarla-JayWalk-v0"} <= set(data["tags"])
    (result,) = data["model-index"][0]["results"]
    assert result["dataset"]["type"] == "SemoreCarla-JayWalk-v0"
    found = {metric["type"]: metric["value"] for metric in result["metrics"]}
    assert found["mean_reward"] == "2.00 +/- 1.00"
    assert found["distance"] == "50.50 +/- 0.50"
    assert "| episode reward | 2.00 ± 1.00 |" in text
    assert "2 episodes; ends: collision 2." in text
    assert 'load_from_hub("me/driver")' in text
    assert "semore watch hf:me/driver" in text
    assert (folder / "replay.mp4").read_bytes() == b"video"


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        (["algorithm"], "ppo", "unknown algorithm 'ppo'; known: "),
        (["algorithm"], "os:semore", "unknown algorithm 'os:semore'"),
        (["format"], 2, "format must be 1, got 2"),
        (["settings"], [], "settings must be a JSON object"),
        (["settings", "gama"], 0.9, "unknown settings: gama; known: acceleration, action_noise"),
        (["settings", "policy"], "x", "unknown settings: policy"),
        (["settings", "env"], "x", "unknown settings: env"),
        (["settings", "_n_updates"], 1, "unknown settings: _n_updates"),
        (["settings", "policy_kwargs"], 3, "setting policy_kwargs must be like"),
        (["settings", "policy_class"], "x", "setting policy_class must be like"),
        (["settings", "tau"], {"class": "os:system"}, "no policy, encoder, buffer or optimizer 'os:system'"),
        (["settings", "policy_class"], {"class": "subprocess:Popen"}, "'subprocess:Popen' is imported"),
        (
            ["settings", "replay_buffer_kwargs", "judge"],
            "this:rule",
            "must not name a module, got 'this:rule'",
        ),
        (["settings", "policy_kwargs", "net_arch"], [7, 256], "must be \\(7, "),
        (["settings", "policy_kwargs", "encoder_kwargs", "depth"], 3, "the settings make no semore: "),
        (["settings", "tau"], "x", "setting tau must be like 0.01, got 'x'"),
        (["settings", "use_sde"], 1, "setting use_sde must be like False, got 1"),
        (["settings", "log_ent_coef"], 1.0, "unknown settings: log_ent_coef"),
        (["observation_space"], {"type": "Box"}, "no space"),
        (["observation_space"], {"type": "Text"}, "type of a space must be Box or Dict, got 'Text'"),
        (["action_space"], {"type": "Dict", "spaces": {}}, "action_space must be a Box"),
        (["extra"], 1, "unknown fields: extra"),
    ],
)
def test_a_tampered_config_is_refused(copy, path, value, message):
    config = json.loads((copy / "config.json").read_text())
    place = config
    for name in path[:-1]:
        place = place[name]
    place[path[-1]] = value
    (copy / "config.json").write_text(json.dumps(config))
    with pytest.raises(ValueError, match=message):
        load_from_folder(copy, device="cpu")


def test_where_carla_is_is_neither_written_nor_believed(copy):
    model = load_from_folder(copy, device="cpu")
    known = Description.of(model, EnvConfig(backend="carla", carla={"server": "/home/me/CarlaUE4.sh"}))
    assert known.env_config() == EnvConfig(backend="carla")
    told = replace(known, environment={**known.environment, "carla": {"server": "/bin/sh"}})
    with pytest.raises(ValueError, match="environment must not hold carla"):
        told.env_config()


@pytest.mark.parametrize("name", ["config.json", "model.safetensors"])
def test_missing_and_damaged_files_are_told(copy, name):
    (copy / name).write_bytes(b"\x00{")
    with pytest.raises(ValueError, match=str(copy)):
        load_from_folder(copy)
    (copy / name).unlink()
    with pytest.raises(ValueError, match=f"is no shared agent: it has no {name}"):
        load_from_folder(copy)


def test_other_tensors_are_refused(copy):
    tensors = load_file(copy / "model.safetensors")
    save_file({**tensors, "more": torch.zeros(1)}, copy / "model.safetensors")
    with pytest.raises(ValueError, match="has unknown tensors: more"):
        load_from_folder(copy)
    first = next(iter(tensors))
    save_file({**tensors, first: tensors[first].double()}, copy / "model.safetensors")
    with pytest.raises(ValueError, match=f"tensor {first} in model.safetensors must be .* got .*float64"):
        load_from_folder(copy)
    del tensors[first]
    save_file(tensors, copy / "model.safetensors")
    with pytest.raises(ValueError, match=f"has missing tensors: {first}"):
        load_from_folder(copy)


def test_a_file_of_pickles_is_never_read(copy):
    torch.save({"policy": torch.zeros(1)}, copy / "model.safetensors")
    with pytest.raises(ValueError, match=str(copy)):
        load_from_folder(copy)


def test_another_environment_is_refused(shared, driving_env):
    with pytest.raises(ValueError, match="spaces do not match"):
        load_from_folder(shared, env=driving_env(size=40))


@pytest.mark.parametrize(
    "space",
    [
        spaces.Box(0, 255, (9, 4, 4), np.uint8),
        spaces.Box(np.array([-1, 0], np.float32), np.array([1, 0.1], np.float32)),
        spaces.Box(-np.inf, np.inf, (3,), np.float32),
        spaces.Dict(a=spaces.Box(-255, 255, (2,), np.int16), b=spaces.Box(0, 1, ())),
    ],
)
def test_spaces_come_back(space):
    assert space_from_json(json.loads(json.dumps(space_to_json(space)))) == space


def test_other_spaces_are_refused():
    with pytest.raises(ValueError, match="must be a Box or a Dict of such, got Discrete"):
        space_to_json(spaces.Discrete(3))
