import numpy as np
import pytest
import torch

from semore_gym.policies import losses
from semore_gym.policies.encoders.interaction import interaction_attention


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def tensors(*arrays):
    return [torch.as_tensor(array, dtype=torch.float32) for array in arrays]


def test_soft_target_bootstraps_only_where_not_done(rng):
    rewards, log_prob, discounts = rng.normal(size=(3, 6, 1))
    dones = np.array([0, 1, 0, 0, 1, 0.0])[:, None]
    next_q = rng.normal(size=(6, 2))
    expected = [
        r + (0 if d else g * (min(q) - 0.3 * p))
        for r, d, g, q, p in zip(
            rewards[:, 0], dones[:, 0], discounts[:, 0], next_q, log_prob[:, 0], strict=True
        )
    ]
    got = losses.soft_target(*tensors(rewards, dones, discounts, next_q, log_prob, 0.3))
    np.testing.assert_allclose(got[:, 0], expected, rtol=1e-5)


def test_critic_loss_sums_critics_and_averages_samples(rng):
    q, target = rng.normal(size=(5, 2)), rng.normal(size=(5, 1))
    expected = sum(sum((q[i, j] - target[i, 0]) ** 2 for i in range(5)) / 5 for j in range(2))
    assert losses.critic_loss(*tensors(q, target)).item() == pytest.approx(expected, rel=1e-5)


def test_actor_loss_takes_the_smaller_value(rng):
    log_prob, q = rng.normal(size=(5, 1)), rng.normal(size=(5, 2))
    expected = np.mean([0.2 * log_prob[i, 0] - min(q[i]) for i in range(5)])
    assert losses.actor_loss(*tensors(log_prob, q, 0.2)).item() == pytest.approx(expected, rel=1e-5)


def test_temperature_rises_when_entropy_is_too_low():
    log_alpha = torch.zeros(1, requires_grad=True)
    losses.temperature_loss(log_alpha, torch.tensor([[5.0], [4.0]]), -2.0).backward()
    assert log_alpha.grad.item() == pytest.approx(-2.5)  # mean(log pi) + target entropy, negated


def semantic_reference(semantic, knowledge):
    least, ratios, clamped = 1e-3 * semantic[0].size, [], 0
    for f, h in zip(semantic, knowledge, strict=True):
        size = np.abs(h).sum()
        clamped += size < least
        ratios.append(np.abs(f - h).sum() / max(size, least))
    return np.mean(ratios), clamped


def test_semantic_guidance_is_the_relative_l1_distance_with_a_clamped_denominator(rng):
    semantic, knowledge = rng.normal(size=(2, 4, 3, 2, 2))
    knowledge[1] *= 1e-5
    expected, clamped = semantic_reference(semantic, knowledge)
    loss, count = losses.semantic_guidance_loss(*tensors(semantic, knowledge))
    assert loss.item() == pytest.approx(expected, rel=1e-4)
    assert count.item() == clamped == 1


def test_semantic_guidance_without_a_mask_is_exactly_zero():
    semantic = torch.ones(0, 3, 2, 2, requires_grad=True)
    loss, count = losses.semantic_guidance_loss(semantic, torch.ones(0, 3, 2, 2))
    loss.backward()
    assert loss.item() == 0.0
    assert count.item() == 0


def test_semantic_guidance_gives_its_gradient_to_both_and_none_to_their_common_scale(rng):
    semantic, knowledge = (tensor.requires_grad_() for tensor in tensors(*rng.normal(size=(2, 4, 3, 2, 2))))
    losses.semantic_guidance_loss(semantic, knowledge)[0].backward()
    for i in range(4):  # d/dh of ||f - h|| / ||h||, by hand
        f, h = semantic[i].detach().numpy(), knowledge[i].detach().numpy()
        distance, size = np.abs(f - h).sum(), np.abs(h).sum()
        of_h = (np.sign(h - f) / size - np.sign(h) * distance / size**2) / 4
        np.testing.assert_allclose(knowledge.grad[i].numpy(), of_h, rtol=1e-3, atol=1e-6)
        np.testing.assert_allclose(semantic.grad[i].numpy(), np.sign(f - h) / size / 4, rtol=1e-3, atol=1e-6)
    common = (semantic * semantic.grad).sum() + (knowledge * knowledge.grad).sum()
    assert abs(common.item()) < 1e-5


@pytest.mark.parametrize(("reduction", "scale"), [("mean", 1.0), ("sum", 7.0)])
def test_transition_loss(rng, reduction, scale):
    predicted, following = rng.normal(size=(2, 5, 7))
    expected = scale * np.mean([(predicted[i, j] - following[i, j]) ** 2 for i in range(5) for j in range(7)])
    got = losses.transition_loss(*tensors(predicted, following), reduction)
    assert got.item() == pytest.approx(expected, rel=1e-5)


def test_reward_loss(rng):
    predicted, rewards = rng.normal(size=(2, 5, 1))
    expected = sum((predicted[i, 0] - rewards[i, 0]) ** 2 for i in range(5)) / 5
    assert losses.reward_loss(*tensors(predicted, rewards)).item() == pytest.approx(expected, rel=1e-5)


def softmax(values):
    powers = [np.exp(value - max(values)) for value in values]
    return [power / sum(powers) for power in powers]


def test_interaction_attention_follows_equation_6(rng):
    keys, motion = rng.normal(size=(2, 2, 3, 4))  # two samples, d = 3, four positions
    got = interaction_attention(*tensors(keys, motion))
    for sample, (k, m) in enumerate(zip(keys, motion, strict=True)):
        score = [[sum(k[c, i] * m[c, j] for c in range(3)) for j in range(4)] for i in range(4)]
        swapped = [[sum(m[c, i] * k[c, j] for c in range(3)) for j in range(4)] for i in range(4)]
        for i in range(4):
            both = [a + b for a, b in zip(softmax(score[i]), softmax(swapped[i]), strict=True)]
            np.testing.assert_allclose(got[sample, i], softmax(both), rtol=1e-4)
