import logging

import gymnasium as gym
import numpy as np
import pytest
import torch
from gymnasium import spaces
from stable_baselines3 import SAC
from stable_baselines3.common.vec_env import DummyVecEnv, VecNormalize

from semore_gym.policies import FrameReplayBuffer, VisualSAC, make_algorithm
from semore_gym.policies.encoders.base import PixelEncoder


@pytest.fixture
def model(make_env, small):
    return VisualSAC("VisualPolicy", make_env(mask=False), **small)


def parameters(module):
    return [parameter.detach().clone() for parameter in module.parameters()]


def same(before, module):
    return all(torch.equal(old, new) for old, new in zip(before, module.parameters(), strict=True))


def test_critic_update_trains_the_encoder(model, make_batch):
    encoder, actor = parameters(model.critic.encoder), parameters(model.actor)
    model.update_critic(make_batch())
    assert not same(encoder, model.critic.encoder)
    assert same(actor, model.actor)


def test_an_update_passes_the_encoder_three_times_and_once_with_gradient(model, make_batch):
    passes = []
    for encoder in (model.critic.encoder, model.critic_target.encoder):
        encoder.stem.register_forward_hook(lambda _, __, output: passes.append(output.requires_grad))
    encoded = model.update_critic(make_batch())
    model.update_actor(encoded)
    assert sorted(passes) == [False, False, True]


def test_actor_and_targets_move_every_second_update(model, monkeypatch, make_batch):
    calls = []
    for step in ("update_critic", "update_actor", "update_targets"):
        original = getattr(model, step)
        monkeypatch.setattr(model, step, lambda *a, s=step, f=original: (calls.append(s), f(*a))[1])
    monkeypatch.setattr(model, "sample", lambda size: make_batch())
    model.learn(21)  # fills the buffer; one update
    model.train(4, 16)
    assert calls == ["update_critic", "update_critic", "update_actor", "update_targets"] * 2 + [
        "update_critic"
    ]


def test_critic_loss_falls_on_a_fixed_batch(model, make_batch):
    batch, values = make_batch(), []
    for _ in range(60):
        model.update_critic(batch)
        values.append(model.meter.drain(0)["loss/critic"])
    assert np.mean(values[-5:]) < 0.2 * np.mean(values[:5])


def test_the_actor_has_a_head_of_its_own_on_the_critics_maps(model, make_batch):
    batch = make_batch()
    encoder, head = parameters(model.critic.encoder), parameters(model.actor.head)
    encoded = model.encode(batch)
    assert not any(maps.requires_grad for maps in encoded.policy_maps + encoded.next_maps)
    model.update_actor(encoded)
    assert same(encoder, model.critic.encoder)
    assert not any(torch.equal(*pair) for pair in zip(head[:2], model.actor.head.parameters(), strict=False))
    frames = batch.frames[:1]
    features = model.actor.head(model.critic.encoder.look(frames))
    action = torch.tanh(model.actor.mu(model.actor.latent_pi(features)))
    acted, _ = model.predict(frames.numpy(), deterministic=True)
    np.testing.assert_allclose(acted, action.detach().numpy(), rtol=1e-4, atol=1e-5)


def test_the_warm_up_is_made_up_for_when_learning_starts(make_env, small):
    model = VisualSAC("VisualPolicy", make_env(mask=False), **{**small, "warm_up_updates": None})
    model.learn(22)
    assert model._n_updates == 22  # 20 of the warm-up, then one a step
    model.learn(3, reset_num_timesteps=False)
    assert model._n_updates == 25


class Ticking(gym.Wrapper):
    reward_scale = 0.25


def test_rewards_are_scaled_for_learning_only(make_env, small):
    env = DummyVecEnv([lambda: Ticking(make_env(mask=False))] * 2)
    usual = VisualSAC("VisualPolicy", make_env(mask=False), **small)
    ours = VisualSAC("VisualPolicy", env, **small, replay_buffer_kwargs={"n_steps": 2})
    given = VisualSAC("VisualPolicy", env, **small, reward_scale=3.0)
    assert (usual.reward_scale, ours.reward_scale, given.reward_scale) == (1.0, 0.25, 3.0)
    ours.learn(40)
    np.random.seed(0)
    scaled = ours.sample(16)
    np.random.seed(0)
    plain = ours.transitions.sample_frames(16)
    torch.testing.assert_close(scaled.rewards, plain.rewards / 4)
    torch.testing.assert_close(scaled.step_rewards, plain.step_rewards / 4)
    assert not torch.equal(plain.rewards, plain.step_rewards)


def test_terminal_transitions_do_not_bootstrap(model, make_batch):
    batch = make_batch()._replace(dones=torch.ones(8, 1))
    torch.testing.assert_close(model.bootstrap(batch, model.encode(batch)), batch.rewards, rtol=0, atol=0)


def test_learning_rates_temperature_and_averages_have_the_defaults_of_the_papers(model):
    assert (model.tau, model.encoder_tau) == (0.01, 0.05)
    assert model.temperature.item() == pytest.approx(0.1)
    assert model.ent_coef_optimizer.param_groups[0]["lr"] == 1e-4
    assert model.critic.optimizer.param_groups[0]["lr"] == 1e-3
    assert model.target_entropy == -2.0


def test_fixed_temperature_stays(make_env, small, make_batch):
    model = VisualSAC("VisualPolicy", make_env(mask=False), ent_coef=0.3, **small)
    model.update_actor(model.encode(make_batch()))
    assert model.temperature.item() == pytest.approx(0.3)


def test_learning_waits_visibly_until_a_batch_can_be_drawn(make_env, small, caplog):
    model = VisualSAC("VisualPolicy", make_env(mask=False), **{**small, "batch_size": 32})
    with caplog.at_level(logging.WARNING, "semore_gym.policies.metered"):
        model.learn(30)
    assert model._n_updates == 0
    assert model.meter.waits == 10
    assert "learning waits" in caplog.text
    model.learn(10, reset_num_timesteps=False)
    assert model._n_updates == 9


def test_several_environments_and_a_progress_bar(make_env, small):
    env = DummyVecEnv([lambda: make_env(mask=False)] * 3)
    model = VisualSAC("VisualPolicy", env, **small).learn(60, progress_bar=True)
    assert model.num_timesteps == 60
    assert model._n_updates > 0


def test_log_names_every_loss_and_rate(make_env, small, tmp_path):
    model = VisualSAC("VisualPolicy", make_env(mask=False), **small, tensorboard_log=str(tmp_path))
    model.learn(60, log_interval=1)
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    log = EventAccumulator(str(tmp_path / "SAC_1"))
    log.Reload()
    names = {"loss/critic", "loss/actor", "loss/temperature", "time/updates_per_second"}
    assert names | {"time/env_steps_per_second", "replay/sampleable"} <= set(log.Tags()["scalars"])
    assert all(event.value >= 0 for event in log.Scalars("time/updates_per_second"))


class Unweighted(VisualSAC):
    def auxiliary_losses(self, batch, encoded):
        return {"extra": encoded.features.mean()}


def test_a_loss_without_a_weight_fails_at_the_first_step(make_env, small, make_batch):
    model = Unweighted("VisualPolicy", make_env(mask=False), **small)
    with pytest.raises(ValueError, match=r"got losses \['extra'\] and weights \[\]"):
        model.update_critic(make_batch())


def test_a_weight_without_a_loss_fails_at_the_first_step(model, make_batch):
    model.loss_weights = {"extra": 1.0}
    with pytest.raises(ValueError, match=r"got losses \[\] and weights \['extra'\]"):
        model.update_critic(make_batch())


def test_weights_scale_losses(make_env, small, make_batch):
    gradients = []
    for weight in (0.0, 1.0):
        model = Unweighted("VisualPolicy", make_env(mask=False), **small)
        model.loss_weights = {"extra": weight}
        model.update_critic(make_batch())
        gradients.append(model.critic.encoder.head.streams[0][1].weight.grad.clone())
    assert not torch.equal(*gradients)


@pytest.mark.parametrize(
    ("kwargs", "message"),
    [
        ({"n_steps": 3}, "replay_buffer_kwargs={'n_steps': 3}"),
        ({"replay_buffer_kwargs": {"gamma": 0.5}}, "must be the algorithm's gamma 0.99, got 0.5"),
        ({"use_sde": True}, "use_sde must be False"),
        ({"batch_size": 0}, "batch_size must be at least 1, got 0"),
        ({"warm_up_updates": -1}, "warm_up_updates must be at least 0, got -1"),
        ({"reward_scale": 0.0}, "reward_scale must be greater than 0, got 0.0"),
        ({"learning_rat": 1e-3}, "learning_rat"),
    ],
)
def test_wrong_arguments_and_those_that_would_be_ignored_are_refused(make_env, small, kwargs, message):
    with pytest.raises((ValueError, TypeError), match=message):
        VisualSAC("VisualPolicy", make_env(mask=False), **{**small, **kwargs})


def test_normalised_environments_are_refused(make_env, small):
    env = VecNormalize(DummyVecEnv([lambda: make_env(mask=False)]), norm_obs=False)
    with pytest.raises(ValueError, match="VecNormalize"):
        VisualSAC("VisualPolicy", env, **small).learn(1)


def test_n_step_returns_are_the_buffers(make_env, small):
    model = VisualSAC("VisualPolicy", make_env(mask=False), **small, replay_buffer_kwargs={"n_steps": 3})
    model.learn(40)
    assert isinstance(model.replay_buffer, FrameReplayBuffer)
    discounts = {round(float(discount), 4) for discount in model.sample(64).discounts}
    assert discounts == {0.99, 0.9801, 0.9703}


def test_unknown_names_list_the_known(make_env):
    with pytest.raises(ValueError, match="unknown preset 'heavy'; known: paper, light"):
        make_algorithm("sac", make_env(), preset="heavy")
    with pytest.raises(ValueError, match=r"unknown algorithm 'dqn'; known: .*semore"):
        make_algorithm("dqn", make_env())


def test_policy_reads_the_frames_of_a_dict(make_env, small):
    model = VisualSAC("VisualPolicy", make_env(), **small)
    assert isinstance(model.critic.encoder, PixelEncoder)
    observation, _ = make_env().reset(seed=0)
    bare = VisualSAC("VisualPolicy", make_env(mask=False), **small)
    bare.policy.load_state_dict(model.policy.state_dict())
    actions = [
        one.predict(seen, deterministic=True)[0]
        for one, seen in ((model, observation), (bare, observation["frames"]))
    ]
    np.testing.assert_array_equal(*actions)


def test_actions_stay_in_an_unusual_action_space(make_env, small):
    env = make_env(mask=False)
    env.action_space = spaces.Box(np.float32([-3, 0]), np.float32([-1, 5]))
    model = VisualSAC("VisualPolicy", env, **small)
    observation, _ = env.reset(seed=0)
    for _ in range(20):
        assert env.action_space.contains(model.predict(observation)[0])


def test_models_of_stable_baselines_are_refused(make_env, tmp_path):
    SAC("CnnPolicy", make_env(mask=False), buffer_size=10).save(tmp_path / "sac.zip")
    with pytest.raises(ValueError, match=r"must be 'VisualPolicy' or a subclass .*got .*CnnPolicy"):
        VisualSAC.load(tmp_path / "sac.zip")
