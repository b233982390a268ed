import math

import numpy as np
import pytest
import torch

from semore_gym.policies import Simoun
from semore_gym.policies.encoders import PixelEncoder
from semore_gym.policies.simoun import intrinsic_reward
from semore_gym.policies.simoun_encoder import SimounEncoder, StructuralInteraction


@pytest.fixture
def make_model(make_env, small):
    def make(**kwargs):
        return Simoun("SimounPolicy", make_env(mask=False), **{**small, **kwargs})

    return make


def seeded(function, *arguments):
    torch.manual_seed(7)
    return function(*arguments)


def with_gradient(module):
    return {name for name, parameter in module.named_parameters() if parameter.grad is not None}


def softmax(scores):
    exponentials = [math.exp(score) for score in scores]
    return [value / sum(exponentials) for value in exponentials]


def affine(layer, vector):
    weight, bias = (parameter.detach().double().numpy() for parameter in (layer.weight, layer.bias))
    return weight @ vector + bias


def test_interaction_gathers_related_positions_in_both_directions():
    torch.manual_seed(0)
    interaction = StructuralInteraction(8)
    appearance, motion = torch.randn(2, 2, 8, 2, 3)
    got_a, got_m = interaction(appearance, motion)
    assert got_a.shape == got_m.shape == (2, 8, 2, 3)
    for sample in range(2):
        a, m = (maps[sample].reshape(8, 6).T.double().numpy() for maps in (appearance, motion))
        relation = np.array(
            [[affine(interaction.query, x) @ affine(interaction.key, y) / math.sqrt(2) for y in m] for x in a]
        )
        for i in range(6):
            row, column = softmax(relation[i]), softmax(relation[:, i])
            new_a = a[i] + sum(row[j] * affine(interaction.motion_value, m[j]) for j in range(6))
            new_m = m[i] + sum(column[j] * affine(interaction.appearance_value, a[j]) for j in range(6))
            place = (sample, slice(None), i // 3, i % 3)
            np.testing.assert_allclose(got_a[place].detach(), new_a, rtol=1e-4, atol=1e-5)
            np.testing.assert_allclose(got_m[place].detach(), new_m, rtol=1e-4, atol=1e-5)


def test_streams_see_the_newest_frame_and_the_differences(make_batch):
    frames = make_batch(batch=3).frames
    newest, differences = SimounEncoder((9, 48, 48), (8, 8)).prepare(frames)
    o = frames.numpy().astype(np.float64).reshape(3, 3, 3, 48, 48) / 255
    np.testing.assert_allclose(newest, o[:, 2], atol=1e-6)
    expected = np.concatenate([o[:, 1] - o[:, 0], o[:, 2] - o[:, 1]], axis=1)
    np.testing.assert_allclose(differences, expected, atol=1e-6)


def test_features_are_appearance_and_then_motion(make_batch):
    encoder = SimounEncoder((9, 48, 48), (8, 8), stream_dim=5)
    maps = encoder.convolve(encoder.prepare(make_batch().frames))
    appearance, motion = encoder.streams(encoder.head(encoder.mix(maps)))
    enhanced_a, enhanced_m = encoder.interaction(*maps)
    torch.testing.assert_close(appearance, encoder.head.streams[0](enhanced_a))
    torch.testing.assert_close(motion, encoder.head.streams[1](enhanced_m))
    assert not torch.equal(encoder.head.streams[0](maps[0]), appearance)


def test_intrinsic_reward_is_the_relative_disagreement():
    rng = np.random.default_rng(0)
    appearance, motion = rng.normal(size=(2, 6, 4))
    motion[2] = appearance[2]
    motion[4] += 10
    distance = [sum((a - m) ** 2) / 4 for a, m in zip(appearance, motion, strict=True)]
    mean = sum(distance) / 6
    got = intrinsic_reward(torch.as_tensor(appearance), torch.as_tensor(motion), clip=3.0)
    assert got.shape == (6, 1)
    np.testing.assert_allclose(got[:, 0], [min(d / mean, 3.0) for d in distance], rtol=1e-9)
    assert got[2] == 0
    assert got[4] == 3


def test_intrinsic_reward_of_perfect_agreement_is_zero():
    prediction = torch.randn(4, 3)
    assert intrinsic_reward(prediction, prediction, clip=5.0).tolist() == [[0.0]] * 4


def test_curiosity_falls_to_zero(make_model):
    model = make_model(intrinsic_weight=0.2, intrinsic_steps=1_000)
    for steps, expected in {0: 0.2, 250: 0.15, 1_000: 0.0, 5_000: 0.0}.items():
        model.num_timesteps = steps
        assert model.curiosity == pytest.approx(expected)


def test_intrinsic_reward_changes_the_critics_target_and_only_it(make_model, make_batch):
    curious, indifferent = (make_model(intrinsic_weight=weight) for weight in (0.3, 0.0))
    batch = make_batch()
    encoded = [model.encode(batch) for model in (curious, indifferent)]
    targets = [
        seeded(model.bootstrap, batch, e) for model, e in zip((curious, indifferent), encoded, strict=True)
    ]
    predictions = encoded[0].extras
    distance = np.square((predictions["appearance"] - predictions["motion"]).detach().numpy()).mean(axis=1)
    expected = 0.3 * np.minimum(distance / distance.mean(), 5)
    np.testing.assert_allclose((targets[0] - targets[1])[:, 0], expected, rtol=1e-3, atol=1e-5)
    assert not targets[0].requires_grad
    others = [m.auxiliary_losses(batch, e) for m, e in zip((curious, indifferent), encoded, strict=True)]
    assert {name: loss.item() for name, loss in others[0].items()} == {
        name: loss.item() for name, loss in others[1].items()
    }
    assert torch.equal(encoded[0].policy_features, encoded[1].policy_features)


def test_rewards_in_the_buffer_stay_the_environments(make_model):
    curious, indifferent = (make_model(intrinsic_weight=weight) for weight in (5.0, 0.0))
    for model in (curious, indifferent):
        model.learn(20)  # random actions
    assert np.array_equal(*(model.replay_buffer.ring.rewards for model in (curious, indifferent)))


@pytest.mark.parametrize("n_steps", [1, 3])
def test_each_stream_predicts_the_target_encoders_next_latent(make_model, make_batch, n_steps):
    model, batch = make_model(), make_batch(n_steps=n_steps)
    torch.nn.init.normal_(model.critic_target.encoder.head.streams[1][1].weight)
    named = model.auxiliary_losses(batch, model.encode(batch))
    features = model.critic.encoder(batch.frames)
    following = model.critic_target.encoder(batch.step_next_frames).numpy()
    for name, stream in {"appearance": features[:, :16], "motion": features[:, 16:]}.items():
        predicted = model.heads[name](torch.cat([stream, batch.actions], dim=1)).detach().numpy()
        expected = np.mean([(p - f) ** 2 for p, f in zip(predicted.flat, following.flat, strict=True)])
        assert named[f"{name}_dynamics"].item() == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize(("name", "other"), [("appearance", "motion"), ("motion", "appearance")])
def test_dynamics_train_a_stream_and_its_own_head_only(make_model, make_batch, name, other):
    model, batch = make_model(), make_batch()
    model.auxiliary_losses(batch, model.encode(batch))[f"{name}_dynamics"].backward()
    # through the interaction the other stream's convolutions learn too; its head and what it is told do not
    spared = (f"{other}_head", f"interaction.{name}_value")
    for parameter_name, parameter in model.critic.encoder.named_parameters():
        assert parameter.grad.any() == (not parameter_name.startswith(spared)), parameter_name
    assert with_gradient(model.heads) == {f"{name}.{n}" for n, _ in model.heads[name].named_parameters()}
    assert not with_gradient(model.critic_target)
    assert not with_gradient(model.actor)


def test_losses_fall_on_a_fixed_batch(make_model, make_batch):
    model, batch, history = make_model(), make_batch(), []
    for _ in range(40):
        model.update_critic(batch)
        history.append(model.meter.drain(0))
    for name in ("loss/appearance_dynamics", "loss/motion_dynamics", "simoun/disagreement"):
        values = [entry[name] for entry in history]
        assert np.mean(values[-5:]) < 0.5 * np.mean(values[:5]), name


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("intrinsic_weight", -0.1, "at least 0"),
        ("intrinsic_steps", 0, "greater than 0"),
        ("intrinsic_clip", 0.0, "greater than 0"),
    ],
)
def test_bad_numbers_are_refused(make_model, name, value, expected):
    with pytest.raises(ValueError, match=f"{name} must be {expected}, got {value}"):
        make_model(**{name: value})


def test_another_encoder_is_refused(make_model, small):
    policy_kwargs = {**small["policy_kwargs"], "encoder_class": PixelEncoder}
    with pytest.raises(ValueError, match="encoder_class must be SimounEncoder, got PixelEncoder"):
        make_model(policy_kwargs=policy_kwargs)
