"""What every algorithm that sees must do; one that is added to the registry is tested by being there."""

import copy
import json
import re

import gymnasium as gym
import numpy as np
import pytest
import torch
from stable_baselines3.common.vec_env import DummyVecEnv

from semore_gym.policies import ALGORITHMS, make_algorithm

PICTURES = [name for name in ALGORITHMS if ALGORITHMS.load(name).observation == "image"]
CASES = {name: (name, {}) for name in PICTURES}
CASES |= {f"semore-{variant}": ("semore", {"variant": variant}) for variant in ("m1", "m2", "m3")}
USE_MASKS = {"semore", "semore-m3"}
OWN_STEPS = {"curl": ["contrastive"]}  # losses that an optimiser of their own lowers


@pytest.fixture(params=CASES)
def case(request):
    return request.param


@pytest.fixture
def make_model(make_env, small):
    """Build an algorithm of `CASES`; it is small."""

    def make(case, env=None, **options):
        name, own = CASES[case]
        return make_algorithm(name, env or make_env(), **{**copy.deepcopy(small), **own, **options})

    return make


def states(model):
    """Every tensor that a model learns."""
    return {**model.policy.state_dict(), **model.heads.state_dict(prefix="heads.")}


def update(model, batch):
    """One whole update on a batch, with the same noise every time."""
    torch.manual_seed(5)
    encoded = model.update_critic(model.augment(batch))
    model.update_actor(encoded)
    model.update_targets()


def assert_equal(found, expected):
    assert found.keys() == expected.keys()
    different = [name for name, value in found.items() if not torch.equal(value, expected[name])]
    assert not different


def assert_same_adam(first, second):
    moments = [one.state_dict()["state"] for one in (first, second)]
    assert moments[0].keys() == moments[1].keys()
    for index, state in moments[0].items():
        assert state["step"] == moments[1][index]["step"] > 0
        assert all(torch.equal(state[name], moments[1][index][name]) for name in ("exp_avg", "exp_avg_sq"))


def test_it_saves_loads_and_continues_as_if_nothing_had_happened(case, make_model, make_env, tmp_path):
    model = make_model(case)
    model.learn(40)
    model.save(tmp_path / "model.zip")
    model.save_replay_buffer(tmp_path / "buffer")
    loaded = type(model).load(tmp_path / "model.zip", env=make_env())
    loaded.load_replay_buffer(tmp_path / "buffer")
    assert loaded.transitions.counts() == model.transitions.counts()
    assert loaded.loss_weights == model.loss_weights
    assert_equal(states(loaded), states(model))
    for name in ("actor.optimizer", "critic.optimizer", "ent_coef_optimizer"):
        part, _, optimizer = name.rpartition(".")
        assert_same_adam(*(getattr(getattr(m, part) if part else m, optimizer) for m in (model, loaded)))
    observation, _ = make_env().reset(seed=3)
    np.testing.assert_array_equal(*(m.predict(observation, deterministic=True)[0] for m in (model, loaded)))
    loaded.set_logger(model.logger)
    updates = model._n_updates
    for one in (model, loaded):
        np.random.seed(1)
        torch.manual_seed(1)
        one.train(4, 16)
        assert one._n_updates == updates + 4
    assert_equal(states(loaded), states(model))
    assert torch.equal(loaded.log_ent_coef, model.log_ent_coef)
    loaded.learn(10, reset_num_timesteps=False)
    assert loaded.num_timesteps == 50


def test_a_seed_decides_everything(case, make_model):
    first, same, other = (states(make_model(case, seed=seed).learn(40)) for seed in (0, 0, 1))
    assert_equal(same, first)
    weights = [name for name, value in first.items() if value.dim() > 1]
    assert all(not torch.equal(other[name], first[name]) for name in weights)


def test_targets_move_by_each_tau_exactly(case, make_model, make_batch):
    model = make_model(case, tau=0.07, encoder_tau=0.3)
    model.update_critic(model.augment(make_batch()))
    online = {name: value.detach().double() for name, value in model.critic.named_parameters()}
    before = {name: value.double() for name, value in model.critic_target.named_parameters()}
    assert online.keys() == before.keys()
    model.update_targets()
    moved = dict.fromkeys(("encoder", "q_networks"), 0)
    for name, slow in model.critic_target.named_parameters():
        tau = 0.3 if name.startswith("encoder.") else 0.07
        expected = (1 - tau) * before[name] + tau * online[name]
        torch.testing.assert_close(slow.double(), expected, rtol=1e-6, atol=1e-7)
        moved["encoder" if tau == 0.3 else "q_networks"] += not torch.equal(slow.double(), before[name])
    assert all(moved.values())


def test_the_actors_loss_reaches_the_actor_alone(case, make_model, make_batch):
    model = make_model(case)
    encoded = model.encode(model.augment(make_batch()))
    critic = [value.detach().clone() for value in model.critic.parameters()]
    actor = [value.detach().clone() for value in model.actor.parameters()]
    model.update_actor(encoded)
    others = [*model.critic.parameters(), *model.heads.parameters(), *model.critic_target.parameters()]
    assert all(value.grad is None for value in others)
    assert all(torch.equal(*pair) for pair in zip(critic, model.critic.parameters(), strict=True))
    assert any(not torch.equal(*pair) for pair in zip(actor, model.actor.parameters(), strict=True))


def test_each_optimizer_holds_its_own_once_each(case, make_model):
    model = make_model(case)
    owners = {
        model.critic.optimizer: [
            *model.critic.encoder.parameters(),
            *(value for network in model.critic.q_networks for value in network.parameters()),
            *model.heads.parameters(),
        ],
        model.actor.optimizer: list(model.actor.parameters()),
    }
    for optimizer, parameters in owners.items():
        held = [id(value) for group in optimizer.param_groups for value in group["params"]]
        assert sorted(held) == sorted(id(value) for value in parameters)


def test_an_update_trains_encoder_critics_and_heads_and_moves_nothing_else(case, make_model, make_batch):
    model = make_model(case)
    trained = [model.critic, model.heads]
    before = [copy.deepcopy(part.state_dict()) for part in trained]
    still = [copy.deepcopy(part.state_dict()) for part in (model.actor, model.critic_target)]
    for seed in range(3):  # a bias may have no gradient while all features behind it are zero
        model.update_critic(model.augment(make_batch(seed=seed)))
    for part, old in zip(trained, before, strict=True):
        names = [name for name, _ in part.named_parameters()]
        assert not [name for name in names if torch.equal(part.state_dict()[name], old[name])]
    for part, old in zip((model.actor, model.critic_target), still, strict=True):
        assert_equal(part.state_dict(), old)


def test_losses_have_names_weights_and_finite_values(case, make_model, make_batch):
    model = make_model(case)
    model.update_critic(model.augment(make_batch()))
    log = model.meter.drain(0)
    assert {name for name in log if name.startswith("loss/")} == {
        f"loss/{name}" for name in ("critic", *model.loss_weights, *OWN_STEPS.get(case, ()))
    }
    assert all(np.isfinite(value) for value in log.values())


def test_masks_change_a_method_that_uses_them_and_no_other(case, make_model, make_batch):
    results = []
    for masks in (make_batch().masks, make_batch(seed=1).masks):
        model = make_model(case)
        update(model, make_batch()._replace(masks=masks))
        results.append(states(model))
    same = all(torch.equal(value, results[1][name]) for name, value in results[0].items())
    assert same == (case not in USE_MASKS)


def test_acting_looks_at_the_frames_alone(case, make_model, make_env):
    model = make_model(case)
    observation, _ = make_env().reset(seed=0)
    other = {**observation, "mask": 255 - observation["mask"], "residual": observation["residual"] + 1}
    actions = []
    for seen in (observation, other):
        torch.manual_seed(2)
        actions.append(model.predict(seen)[0])
    np.testing.assert_array_equal(*actions)


def test_a_box_of_frames_is_enough_where_no_mask_is_needed(case, make_model, make_env):
    if case in USE_MASKS:
        with pytest.raises(ValueError, match="must have a 'mask'"):
            make_model(case, make_env(mask=False))
    else:
        assert make_model(case, make_env(mask=False)).learn(30)._n_updates == 10


def test_two_environments_feed_it(case, make_model, make_env):
    model = make_model(case, DummyVecEnv([make_env] * 2), gradient_steps=2).learn(40)
    assert model.num_timesteps == 40
    assert model._n_updates == 20


@pytest.mark.parametrize("size", [36, 48, 64])
def test_it_learns_from_images_of_several_sizes(case, size, make_model, make_env):
    model = make_model(case, make_env(size=size)).learn(24)
    assert model._n_updates == 4
    observation, _ = make_env(size=size).reset(seed=0)
    assert np.abs(model.predict(observation)[0]).max() <= 1


@pytest.mark.slow
@pytest.mark.parametrize("name", PICTURES)
def test_it_learns_to_point_at_a_dot(name, learn_dot, dot_reward, dot_bar):
    env = gym.spaces.Box(-1, 1, (2,), np.float32, seed=0)
    assert dot_reward(lambda seen: env.sample()) < -1.0
    assert dot_reward(lambda seen: np.zeros(2)) < 2 * dot_bar
    model = learn_dot(name, seed=0)
    assert dot_reward(lambda seen: model.predict(seen, deterministic=True)[0]) > dot_bar


@pytest.mark.parametrize("name", PICTURES)
def test_environments_without_images_are_refused(name, small):
    with pytest.raises(
        ValueError, match=r"must be a Box of stacked frames .*semore_gym\.wrappers\.FrameHistory"
    ):
        make_algorithm(name, "Pendulum-v1", **small)


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """Where each algorithm's untrained model lies, made when it is first asked for."""
    folder, made = tmp_path_factory.mktemp("saved"), set()

    def path(case, make_model):
        file = folder / f"{case}.zip"
        if file not in made:
            make_model(case).save(file)
            made.add(file)
        return file

    return path


def test_a_model_of_another_algorithm_is_refused(case, saved, make_model):
    own = ALGORITHMS.load(CASES[case][0])
    for other in set(PICTURES) - {CASES[case][0]}:
        message = f"a model saved by {own.__name__} cannot be loaded as {ALGORITHMS.load(other).__name__}"
        with pytest.raises(ValueError, match=message):
            ALGORITHMS.load(other).load(saved(case, make_model))


def test_other_networks_than_the_saved_ones_are_refused(case, saved, make_model):
    model = make_model(case)
    path = saved(case, make_model)
    policy_kwargs = {**model.policy_kwargs, "encoder_kwargs": {**model.policy_kwargs["encoder_kwargs"]}}
    policy_kwargs["encoder_kwargs"]["channels"] = (4, 4, 4, 4)
    with pytest.raises(ValueError, match="policy kwargs do not equal the stored"):
        type(model).load(path, policy_kwargs=policy_kwargs)
    with pytest.raises(
        ValueError, match=rf"the tensors in .*{case}.zip do not fit .*size mismatch for critic"
    ):
        type(model).load(path, custom_objects={"policy_kwargs": policy_kwargs})


def test_observations_of_another_size_are_refused(case, saved, make_model, make_env):
    path, kind = saved(case, make_model), ALGORITHMS.load(CASES[case][0])
    with pytest.raises(ValueError, match="Observation spaces do not match"):
        kind.load(path, env=make_env(size=64))
    observation, _ = make_env(size=64).reset(seed=0)
    with pytest.raises(ValueError, match=re.escape("Unexpected observation shape")):
        kind.load(path).predict(observation)


def test_loading_replaces_what_can_be_replaced_and_refuses_the_rest(case, saved, make_model):
    path, kind = saved(case, make_model), ALGORITHMS.load(CASES[case][0])
    loaded = kind.load(path, batch_size=7, tau=0.5)
    assert (loaded.batch_size, loaded.tau) == (7, 0.5)
    with pytest.raises(ValueError, match=f"{kind.__name__} has no learning_rat"):
        kind.load(path, learning_rat=0.1)
    for name in kind.fixed:
        own = getattr(loaded, name)
        assert getattr(kind.load(path, **{name: own}), name) == own
        with pytest.raises(
            ValueError, match=rf"{name} of the model in .* is '{own}', and cannot become 'm9'"
        ):
            kind.load(path, **{name: "m9"})


@pytest.mark.parametrize("name", PICTURES)
def test_its_sizes_come_from_the_preset(name, make_env):
    model = make_algorithm(name, make_env(), preset="light", device="cpu", buffer_size=10)
    assert model.policy.net_arch == [256, 256]
    assert json.dumps(model.policy_kwargs["encoder_kwargs"]["channels"]) == "[32, 32, 32, 32]"
