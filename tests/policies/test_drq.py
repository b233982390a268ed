import numpy as np
import pytest
import torch

from semore_gym.policies import make_algorithm


@pytest.fixture
def make_model(make_env, small):
    def make(name="drq", **options):
        return make_algorithm(name, make_env(), **{**small, **options})

    return make


@pytest.fixture(params=[(2, 2), (3, 1), (1, 3)], ids="K{0[0]}-M{0[1]}".format)
def views(request):
    return dict(zip("km", request.param, strict=True))


def shifts(image, pad):
    """Every shift of a (C, H, W) image by up to `pad` pixels, its border repeated."""
    wide = np.pad(image, ((0, 0), (pad, pad), (pad, pad)), mode="edge")
    height, width = image.shape[1:]
    places = np.ndindex(2 * pad + 1, 2 * pad + 1)
    return [wide[:, y : y + height, x : x + width] for y, x in places]


def targets(model, augmented, noise):
    """y by hand, (B,): one sample, one shift, one critic at a time."""
    samples, alpha = len(augmented.rewards) // model.k, float(model.temperature)
    y = np.zeros(samples)
    for row, image in enumerate(augmented.next_frames):
        mean, log_std, _ = model.actor.get_action_dist_params(model.critic.encoder.look(image[None]))
        mean, std = mean[0].double().numpy(), log_std[0].double().exp().numpy()
        action = np.tanh(mean + std * noise[row])
        density = np.exp(-0.5 * noise[row] ** 2) / (std * np.sqrt(2 * np.pi))
        log_prob = np.sum(np.log(density) - np.log(1 - action**2 + 1e-6))
        q = model.critic_target.values(
            model.critic_target.encoder(image[None]), torch.tensor(action[None], dtype=torch.float32)
        )
        numbers = (augmented.rewards, augmented.dones, augmented.discounts)
        reward, done, discount = (float(column[row]) for column in numbers)
        value = float(q.min()) - alpha * log_prob
        y[row % samples] += (reward + (1 - done) * discount * value) / model.k
    return y


@torch.no_grad()
def test_targets_and_loss_are_those_of_loops_over_samples_and_shifts(views, make_model, make_batch):
    model = make_model(**views)
    augmented = model.augment(make_batch(batch=5))
    torch.manual_seed(7)
    noise = torch.normal(torch.zeros(5 * model.k, 2), 1.0).double().numpy()
    y = targets(model, augmented, noise)
    encoded = model.encode(augmented)
    torch.manual_seed(7)
    found = model.bootstrap(augmented, encoded)
    np.testing.assert_allclose(found.numpy(), np.tile(y, model.m)[:, None], rtol=1e-3, atol=1e-4)

    squares = []
    for row, image in enumerate(augmented.frames):
        q = model.critic.values(model.critic.encoder(image[None]), augmented.actions[row : row + 1])
        squares.append(((q[0].double().numpy() - y[row % 5]) ** 2).sum())
    with torch.enable_grad():
        torch.manual_seed(7)
        model.update_critic(augmented)
    assert len(squares) == 5 * model.m
    assert model.meter.drain(0)["loss/critic"] == pytest.approx(np.mean(squares), rel=1e-3)


def test_each_row_is_a_shift_of_its_sample_with_that_sample_s_numbers(views, make_model, make_batch):
    model, batch = make_model(**views, pad=2), make_batch(batch=5)
    augmented = model.augment(batch)
    assert len(augmented.frames) == len(augmented.actions) == 5 * model.m
    for name in ("next_frames", "rewards", "dones", "discounts"):
        assert len(getattr(augmented, name)) == 5 * model.k
    for shifted, given in ((augmented.frames, batch.frames), (augmented.next_frames, batch.next_frames)):
        for row, image in enumerate(shifted.numpy()):
            assert any(np.array_equal(image, shift) for shift in shifts(given[row % 5].numpy(), 2))
    assert torch.equal(augmented.actions, torch.cat([batch.actions] * model.m))
    assert torch.equal(augmented.rewards, torch.cat([batch.rewards] * model.k))


def test_shifts_of_one_observation_differ(make_model, make_batch):
    augmented = make_model().augment(make_batch())
    for frames in (augmented.frames, augmented.next_frames):
        assert sum(not torch.equal(*pair) for pair in zip(frames[:8], frames[8:], strict=True)) >= 6


def test_next_actions_are_drawn_for_each_shift(make_model, make_batch):
    model = make_model(pad=0)  # the shifts are the same, so only the draws can differ
    batch = model.augment(make_batch())
    seen = []
    for network in model.critic_target.q_networks:
        network.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0][:, -2:]))
    model.bootstrap(batch, model.encode(batch))
    assert [actions.shape for actions in seen] == [(16, 2)] * 2
    assert not torch.isclose(seen[0][:8], seen[0][8:]).any()


def test_the_policy_sees_the_first_shift_without_gradient(views, make_model, make_batch):
    model = make_model(**views)
    augmented = model.augment(make_batch())
    encoded = model.encode(augmented)
    assert encoded.policy_features.shape == (8, 16)
    torch.testing.assert_close(encoded.policy_features, model.critic.encoder(augmented.frames[:8]).detach())
    assert not encoded.policy_features.requires_grad
    assert encoded.features.requires_grad


def test_without_shifts_and_averages_it_is_visual_sac(make_model, make_batch):
    results = []
    for model in (make_model(k=1, m=1, pad=0), make_model("sac")):
        batch = model.augment(make_batch())
        torch.manual_seed(3)
        encoded = model.update_critic(batch)
        model.update_actor(encoded)
        model.update_targets()
        results.append(model.policy.state_dict())
    assert all(torch.equal(value, results[1][name]) for name, value in results[0].items())


def test_critic_loss_falls_on_a_fixed_batch(make_model, make_batch):
    model, batch, values = make_model(), make_batch(), []
    for _ in range(160):
        model.update_critic(model.augment(batch))
        values.append(model.meter.drain(0)["loss/critic"])
    assert np.mean(values[-5:]) < 0.4 * np.mean(values[:5])


@pytest.mark.parametrize("bad", [{"k": 0}, {"m": 0}, {"pad": -1}])
def test_bad_numbers_are_refused(bad, make_model):
    ((name, value),) = bad.items()
    with pytest.raises(ValueError, match=f"{name} must be at least .*, got {value}"):
        make_model(**bad)
