import math

import numpy as np
import pytest
import torch

from semore_gym.policies import Simoun
from semore_gym.policies.encoders.base import PixelEncoder
from semore_gym.policies.encoders.simoun import SimounEncoder, StructuralInteraction
from semore_gym.policies.simoun import Curiosity, contrastive_loss, inconsistency


@pytest.fixture
def make_model(make_env, small):
    def make(**kwargs):
        return Simoun("SimounPolicy", make_env(mask=False), **{**small, **kwargs})

    return make


@pytest.fixture
def make_encoder():
    def make(frames=3, beta=0.0):
        torch.manual_seed(0)
        encoder = SimounEncoder((3 * frames, 48, 48), channels=(8, 8, 8), stream_dim=5)
        torch.nn.init.constant_(encoder.interaction.beta, beta)
        return encoder

    return make


def seeded(function, *arguments):
    torch.manual_seed(7)
    return function(*arguments)


def with_gradient(module):
    return {name for name, parameter in module.named_parameters() if parameter.grad is not None}


def softmax(scores):
    exponentials = [math.exp(score) for score in scores]
    return np.array([value / sum(exponentials) for value in exponentials])


def convolved(layer, columns):
    """A 1x1 convolution of the columns of (C, N)."""
    weight, bias = (parameter.detach().double().numpy() for parameter in (layer.weight, layer.bias))
    return np.stack([weight[:, :, 0, 0] @ column + bias for column in columns.T], axis=1)


def standardised(values):
    return (values - values.mean()) / np.sqrt(values.var() + 1e-5)


def headed(head, map):
    """Linear and LayerNorm of one (C, h, w) map."""
    weight, bias = (parameter.detach().double().numpy() for parameter in (head[1].weight, head[1].bias))
    return standardised(weight @ map.detach().double().numpy().ravel() + bias)


def reference_enhanced(interaction, maps):
    """Eq. 4-6 for one sample, position by position: F_a,t and F_m,t of (C, N) maps t-2, t-1, t and motion."""
    before, last, now = (convolved(interaction.appearance, each) for each in maps[:3])
    motion, beta = convolved(interaction.motion, maps[3]), interaction.beta.item()
    places = range(now.shape[1])
    enhanced_a, enhanced_m = maps[2].copy(), maps[3].copy()
    for i in places:
        inner = [softmax([key[:, i] @ last[:, j] for j in places]) for key in (before, now)]
        row = softmax(inner[0] + inner[1])
        assert row.sum() == pytest.approx(1)
        enhanced_a[:, i] += beta * sum(row[j] * now[:, j] for j in places)
        enhanced_m[:, i] += beta * sum(row[j] * motion[:, j] for j in places)
    return enhanced_a, enhanced_m


def test_interaction_is_that_of_a_loop_over_positions():
    torch.manual_seed(0)
    interaction = StructuralInteraction(8)
    torch.nn.init.constant_(interaction.beta, 0.7)
    maps = torch.randn(4, 2, 8, 2, 3)
    got_a, got_m = interaction(*maps)
    for sample in range(2):
        expected = reference_enhanced(interaction, maps[:, sample].reshape(4, 8, 6).double().numpy())
        for got, wanted in zip((got_a, got_m), expected, strict=True):
            assert got.shape == (2, 8, 2, 3)
            np.testing.assert_allclose(got[sample].detach().reshape(8, 6), wanted, rtol=1e-4, atol=1e-5)


def test_interaction_starts_as_none_and_beta_learns_first(make_encoder):
    encoder, maps = make_encoder(), torch.randn(4, 2, 8, 5, 5)
    assert all(torch.equal(*pair) for pair in zip(encoder.mix(tuple(maps)), maps[2:], strict=True))
    sum(each.square().sum() for each in encoder.mix(tuple(maps))).backward()
    gradients = {name: p.grad.abs().max() > 0 for name, p in encoder.interaction.named_parameters()}
    assert [name for name, moves in gradients.items() if moves] == ["beta"]


def test_beta_learns(make_model, make_batch):
    model = make_model()
    beta = model.dual_stream.interaction.beta
    assert beta.tolist() == [0]
    for seed in range(3):
        model.update_critic(make_batch(seed=seed))
    assert abs(beta.item()) > 1e-4
    assert model.critic_target.encoder.interaction.beta.tolist() == [0]
    model.update_targets()
    assert model.critic_target.encoder.interaction.beta.item() == pytest.approx(0.05 * beta.item())


@pytest.mark.parametrize("count", [3, 4])
def test_appearance_sees_three_frames_each_alone_and_motion_all_differences(make_encoder, count):
    encoder = make_encoder(count)
    frames = torch.randint(0, 256, (2, 3 * count, 48, 48), dtype=torch.uint8)
    single, differences = encoder.prepare(frames)
    o = frames.numpy().astype(np.float64).reshape(2, count, 3, 48, 48) / 255
    np.testing.assert_allclose(single.reshape(2, 3, 3, 48, 48), o[:, -3:], atol=1e-6)
    np.testing.assert_allclose(differences, np.diff(o, axis=1).reshape(2, -1, 48, 48), atol=1e-6)
    np.testing.assert_allclose(encoder.newest((single, differences)), o[:, -1], atol=1e-6)
    *appearance, motion = encoder.convolve((single, differences))
    for i, maps in enumerate(appearance):
        expected = encoder.appearance(torch.from_numpy(o[:, i - 3]).float())
        torch.testing.assert_close(maps, expected, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(motion, encoder.motion(differences))


def test_scaled_floats_give_the_same_features_as_bytes(make_encoder, make_batch):
    frames, encoder = make_batch().frames, make_encoder(beta=0.5)
    torch.testing.assert_close(encoder(frames.float() / 255), encoder(frames), rtol=1e-4, atol=1e-5)


def test_features_are_heads_on_the_enhanced_maps(make_encoder, make_batch):
    encoder = make_encoder(beta=0.7)
    frames = make_batch(batch=2).frames
    maps = encoder.convolve(encoder.prepare(frames))
    appearance, motion = encoder.streams(encoder(frames))
    for sample in range(2):
        columns = torch.stack([each[sample].flatten(1) for each in maps]).detach().double().numpy()
        enhanced = reference_enhanced(encoder.interaction, columns)
        for head, got, map in zip(encoder.head.streams, (appearance, motion), enhanced, strict=True):
            expected = headed(head, torch.from_numpy(map))
            np.testing.assert_allclose(got[sample].detach(), expected, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("frames", [1, 2])
def test_too_short_a_history_is_refused(frames):
    with pytest.raises(
        ValueError, match=rf"at least three RGB frames, got {3 * frames} channels; .*FrameHis"
    ):
        SimounEncoder((3 * frames, 48, 48))


def test_contrastive_loss_is_eq_3():
    rng = np.random.default_rng(0)
    f, g = rng.normal(size=(2, 5, 4))
    terms = []
    for i in range(5):
        positive = math.exp(f[i] @ g[i])
        terms.append(
            -math.log(positive / (positive + sum(math.exp(f[i] @ f[j]) for j in range(5) if j != i)))
        )
    got = contrastive_loss(torch.from_numpy(f), torch.from_numpy(g))
    assert got.item() == pytest.approx(np.mean(terms), rel=1e-9)


def test_contrastive_loss_is_finite_where_exponentials_are_not():
    features = 40 * torch.eye(4)
    assert contrastive_loss(features, features).item() == pytest.approx(0, abs=1e-6)
    assert contrastive_loss(features, -features).item() == pytest.approx(1600 + math.log(3))


def test_inconsistency_is_the_distance_of_absolute_values():
    before, last, now, motion = np.random.default_rng(0).normal(size=(4, 6, 5))
    expected = []
    for i in range(6):
        square = 0.0
        for c in range(5):
            change = abs(last[i, c] - before[i, c]) + abs(now[i, c] - last[i, c])
            square += (abs(motion[i, c]) - change) ** 2
        expected.append([math.sqrt(square)])
    got = inconsistency(*map(torch.from_numpy, (before, last, now, motion)))
    np.testing.assert_allclose(got, expected, rtol=1e-9)
    # the sign of a motion does not matter, and one that goes there and back is none the less one
    np.testing.assert_allclose(inconsistency(*map(torch.from_numpy, (before, last, now, -motion))), expected)
    there_and_back = torch.zeros(1, 5), torch.ones(1, 5), torch.zeros(1, 5), torch.full((1, 5), -2.0)
    assert inconsistency(*there_and_back).item() == 0


def test_curiosity_is_eq_13_over_a_training():
    rng = np.random.default_rng(0)
    curiosity, greatest_e, greatest_i = Curiosity(0.3, 1e-3, 1.0, 1e-6), 1.0, 1e-6
    for steps in (0, 10, 2_000):
        distances, rewards = rng.uniform(0, 4, (6, 1)), rng.normal(0, 2, (6, 1))
        greatest_e, greatest_i = max(greatest_e, rewards.max()), max(greatest_i, distances.max())
        expected = 0.3 * math.exp(-1e-3 * steps) * distances * greatest_e / greatest_i
        given = torch.from_numpy(distances).float(), torch.from_numpy(rewards).float(), steps
        np.testing.assert_allclose(curiosity(*given), expected, rtol=1e-5)
        np.testing.assert_allclose(curiosity(*given), expected, rtol=1e-5)  # asking twice changes nothing


def test_curiosity_keeps_its_maxima_and_its_scale():
    curiosity = Curiosity(0.2, 0.0, 1.0, 1e-6)
    high = curiosity(torch.tensor([[1.0], [4.0]]), torch.tensor([[5.0], [-9.0]]), 0)
    np.testing.assert_allclose(high, [[0.25], [1.0]])  # the greatest is C r_e,max
    low = curiosity(torch.tensor([[1.0], [2.0]]), torch.tensor([[0.5], [0.1]]), 0)
    np.testing.assert_allclose(low, [[0.25], [0.5]])
    assert (curiosity.extrinsic_max.item(), curiosity.intrinsic_max.item()) == (5.0, 4.0)
    assert not list(curiosity.parameters())


def test_intrinsic_reward_changes_the_critics_target_and_only_it(make_model, make_batch):
    models = [make_model(intrinsic_weight=weight) for weight in (0.3, 0.0)]
    batch = make_batch(n_steps=3)
    for model in models:  # features of the target encoder are those of its plain maps
        target = model.critic_target.encoder
        torch.nn.init.constant_(target.interaction.beta, 2.0)
        seeded(torch.nn.init.normal_, target.head.streams[1][1].weight)
        model.num_timesteps = 20_000
    encoded = [seeded(model.encode, batch) for model in models]
    targets = [seeded(m.bootstrap, batch, e) for m, e in zip(models, encoded, strict=True)]
    target = models[0].critic_target.encoder
    maps = target.convolve(target.prepare(batch.frames))
    heads = [target.head.streams[0]] * 3 + [target.head.streams[1]]
    features = np.array(
        [[headed(head, map) for map in each] for head, each in zip(heads, maps, strict=True)]
    )  # (4, B, D)
    before, last, now, motion = features
    d = [
        np.linalg.norm(abs(m) - abs(b - a) - abs(c - b))
        for a, b, c, m in zip(before, last, now, motion, strict=True)
    ]
    greatest = max(1.0, batch.step_rewards.max().item())
    expected = 0.3 * math.exp(-2e-5 * 20_000) * np.array(d) * greatest / max(d)
    np.testing.assert_allclose((targets[0] - targets[1])[:, 0], expected, rtol=1e-3, atol=1e-5)
    assert not targets[0].requires_grad
    others = [m.auxiliary_losses(batch, e) for m, e in zip(models, encoded, strict=True)]
    assert all(torch.equal(loss, others[1][name]) for name, loss in others[0].items())


def test_asking_twice_for_the_target_changes_nothing(make_model, make_batch):
    model, batch = make_model(), make_batch()
    encoded = model.encode(batch)
    assert torch.equal(*(seeded(model.bootstrap, batch, encoded) for _ in range(2)))


def test_maxima_are_saved_and_go_on(make_model, make_batch, tmp_path):
    model = make_model(initial_extrinsic_max=0.5, initial_intrinsic_max=0.1)
    first = model.heads["curiosity"]
    assert (first.extrinsic_max.item(), first.intrinsic_max.item()) == pytest.approx((0.5, 0.1))
    batch = make_batch()
    batch = batch._replace(step_rewards=batch.step_rewards + 3)
    model.update_critic(batch)
    model.num_timesteps = 500
    model.save(tmp_path / "model.zip")
    loaded = Simoun.load(tmp_path / "model.zip")
    again = loaded.heads["curiosity"]
    assert again.extrinsic_max.item() == first.extrinsic_max.item() == batch.step_rewards.max().item()
    assert again.intrinsic_max.item() == first.intrinsic_max.item() > 0.1
    distances, rewards = torch.rand(4, 1), torch.zeros(4, 1)
    bonuses = [m.heads["curiosity"](distances, rewards, m.num_timesteps) for m in (model, loaded)]
    assert torch.equal(*bonuses)


def test_rewards_in_the_buffer_stay_the_environments(make_model):
    curious, indifferent = (make_model(intrinsic_weight=weight) for weight in (5.0, 0.0))
    for model in (curious, indifferent):
        model.learn(20)  # random actions
    assert np.array_equal(*(model.replay_buffer.ring.rewards for model in (curious, indifferent)))


@pytest.mark.parametrize("n_steps", [1, 3])
@pytest.mark.parametrize("reduction", ["mean", "sum"])
def test_transition_and_reward_losses_are_eq_2_and_7(make_model, make_batch, n_steps, reduction):
    model, batch = make_model(transition_reduction=reduction), make_batch(n_steps=n_steps)
    torch.nn.init.normal_(model.critic_target.encoder.head.streams[1][1].weight)
    torch.nn.init.constant_(model.critic.encoder.interaction.beta, 0.5)
    named = model.auxiliary_losses(batch, model.encode(batch))
    features = model.critic.encoder(batch.frames)
    following = model.critic_target.encoder(batch.step_next_frames)[:, 16:].numpy()
    predicted = model.heads["transition"](torch.cat([features[:, 16:], batch.actions], dim=1))
    errors = [sum((p - f) ** 2) for p, f in zip(predicted.detach().numpy(), following, strict=True)]
    expected = np.mean(errors) / (16 if reduction == "mean" else 1)
    assert named["transition"].item() == pytest.approx(expected, rel=1e-4)
    rewards = model.heads["reward"](torch.cat([features, batch.actions], dim=1)).detach().numpy()
    expected = np.mean([(p - r) ** 2 for p, r in zip(rewards[:, 0], batch.step_rewards[:, 0], strict=True)])
    assert named["reward"].item() == pytest.approx(expected, rel=1e-4)


def test_contrast_is_between_plain_features_of_the_newest_frame(make_model, make_batch):
    model, batch = make_model(), make_batch()
    encoder = model.dual_stream
    torch.nn.init.constant_(encoder.interaction.beta, 0.5)
    extras = model.encode(batch).extras
    maps = encoder.appearance(batch.frames[:, 6:] / 255)
    for sample in range(len(maps)):
        expected = headed(encoder.head.streams[0], maps[sample])
        np.testing.assert_allclose(extras["appearance"][sample].detach(), expected, rtol=1e-3, atol=1e-4)
    older = batch.frames.clone()
    older[:, :6] = 255 - older[:, :6]
    seen = [seeded(model.encode, batch._replace(frames=frames)).extras for frames in (batch.frames, older)]
    for name in ("appearance", "augmented"):
        torch.testing.assert_close(seen[0][name], seen[1][name])


def test_augmented_frames_reach_the_contrastive_loss_alone(make_model, make_batch):
    model, batch = make_model(), make_batch()
    first, second = model.encode(batch), model.encode(batch)  # two draws
    assert not torch.equal(first.extras["augmented"], second.extras["augmented"])
    for name in ("features", "policy_features", "target_features"):
        assert torch.equal(getattr(first, name), getattr(second, name))
    for name in ("maps", "policy_maps", "next_maps"):
        assert all(
            torch.equal(*pair) for pair in zip(getattr(first, name), getattr(second, name), strict=True)
        )
    for name in ("appearance", "inconsistency"):
        assert torch.equal(first.extras[name], second.extras[name])
    assert torch.equal(*(seeded(model.bootstrap, batch, encoded) for encoded in (first, second)))
    named = [model.auxiliary_losses(batch, encoded) for encoded in (first, second)]
    differ = {name for name, loss in named[0].items() if not torch.equal(loss, named[1][name])}
    assert differ == {"contrastive"}


@pytest.mark.parametrize(
    ("name", "spared", "heads"),
    [
        ("contrastive", ("motion.", "interaction.", "head.streams.1"), set()),
        ("transition", ("head.streams.0",), {"transition"}),
        ("reward", (), {"reward"}),
    ],
)
def test_each_loss_trains_its_own_part(make_model, make_batch, name, spared, heads):
    model, batch = make_model(), make_batch()
    torch.nn.init.constant_(model.dual_stream.interaction.beta, 0.5)
    model.auxiliary_losses(batch, model.encode(batch))[name].backward()
    for parameter_name, parameter in model.critic.encoder.named_parameters():
        trained = parameter.grad is not None and bool(parameter.grad.any())
        assert trained == (not parameter_name.startswith(spared or "none")), parameter_name
    assert {each.split(".")[0] for each in with_gradient(model.heads)} == heads
    assert not with_gradient(model.critic_target)
    assert not with_gradient(model.actor)


def test_losses_fall_on_a_fixed_batch(make_model, make_batch):
    model, batch, history = make_model(), make_batch(), []
    for _ in range(60):
        model.update_critic(batch)
        history.append(model.meter.drain(0))
    for name in model.loss_weights:
        values = [entry[f"loss/{name}"] for entry in history]
        assert np.mean(values[-5:]) < 0.5 * np.mean(values[:5]), name


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("intrinsic_weight", -0.1, "at least 0"),
        ("intrinsic_decay", -1e-5, "at least 0"),
        ("initial_extrinsic_max", 0.0, "greater than 0"),
        ("initial_intrinsic_max", 0.0, "greater than 0"),
        ("transition_reduction", "median", "mean or sum"),
    ],
)
def test_bad_arguments_are_refused(make_model, name, value, expected):
    with pytest.raises(ValueError, match=f"{name} must be {expected}, got {value!r}"):
        make_model(**{name: value})


def test_another_encoder_is_refused(make_model, small):
    policy_kwargs = {**small["policy_kwargs"], "encoder_class": PixelEncoder}
    with pytest.raises(ValueError, match="encoder_class must be SimounEncoder, got PixelEncoder"):
        make_model(policy_kwargs=policy_kwargs)
