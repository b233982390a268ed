import math

import numpy as np
import pytest
import torch

from semore_gym.policies import make_algorithm
from semore_gym.policies.curl import BilinearSimilarity, info_nce


@pytest.fixture
def model(make_env, small):
    return make_algorithm("curl", make_env(), **small)


def drawn(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def test_info_nce_is_that_of_a_loop():
    logits = 3 * drawn(6, 6)
    rows, total = logits.double().numpy(), 0.0
    for i in range(6):
        total -= math.log(math.exp(rows[i, i]) / sum(math.exp(rows[i, j]) for j in range(6)))
    assert info_nce(logits).item() == pytest.approx(total / 6, rel=1e-5)


def test_info_nce_is_finite_for_logits_whose_exponentials_are_not():
    logits = (1e4 * torch.eye(5)).requires_grad_()
    loss = info_nce(logits) + info_nce(logits.flip(0))
    loss.backward()
    assert loss.item() == pytest.approx(1e4 * 4 / 5)
    assert logits.grad.isfinite().all()


def test_similarity_is_bilinear_queries_by_row():
    similarity, queries, keys = BilinearSimilarity(7), drawn(3, 7), drawn(3, 7, seed=1)
    found, weight = similarity(queries, keys).detach().numpy(), similarity.weight.detach().numpy()
    for i in range(3):
        for j in range(3):
            expected = queries[i].numpy() @ weight @ keys[j].numpy()
            np.testing.assert_allclose(found[i, j], expected, rtol=1e-4, atol=1e-5)


def test_queries_and_keys_are_two_crops_of_the_same_observations(model, make_batch):
    batch = make_batch()
    augmented = model.augment(batch)
    queries, keys = augmented.frames[:8], augmented.frames[8:]
    assert augmented.frames.shape == (16, 9, 41, 41)
    assert augmented.next_frames.shape == (8, 9, 41, 41)
    assert any(not torch.equal(*pair) for pair in zip(queries, keys, strict=True))
    for crops in (queries, keys):
        for crop, image in zip(crops, batch.frames, strict=True):
            windows = image.unfold(1, 41, 1).unfold(2, 41, 1)  # (9, 8, 8, 41, 41)
            assert (windows == crop[:, None, None]).all(dim=(0, 3, 4)).any()


def test_the_critic_sees_the_queries_and_the_target_encoder_the_keys(model, make_batch):
    batch = model.augment(make_batch())
    with torch.no_grad():  # as if a while had passed
        for parameter in model.critic_target.encoder.parameters():
            parameter.add_(0.01)
    encoded = model.encode(batch)
    assert torch.equal(encoded.features, model.critic.encoder(batch.frames[:8]))
    assert torch.equal(encoded.policy_features, encoded.features)
    assert torch.equal(encoded.extras["keys"], model.critic_target.encoder(batch.frames[8:]))
    assert not encoded.policy_features.requires_grad
    assert not encoded.extras["keys"].requires_grad


def test_the_loss_is_info_nce_over_the_batch(model, make_batch):
    batch = model.augment(make_batch())
    encoded = model.encode(batch)
    queries, keys = encoded.features.detach().numpy(), encoded.extras["keys"].numpy()
    logits = queries @ model.heads["similarity"].weight.detach().numpy() @ keys.T
    expected = np.mean([np.log(np.exp(row - row[i]).sum()) for i, row in enumerate(logits)])
    loss = model.auxiliary_losses(batch, encoded)["contrastive"]
    assert loss.item() == pytest.approx(expected, rel=1e-4)
    assert model.meter.drain(0)["curl/accuracy"] == np.mean(logits.argmax(axis=1) == np.arange(8))


def test_the_loss_trains_encoder_and_w_and_nothing_else(model, make_batch):
    batch = model.augment(make_batch())
    model.auxiliary_losses(batch, model.encode(batch))["contrastive"].backward()
    assert all(parameter.grad.abs().sum() > 0 for parameter in model.heads.parameters())
    assert all(parameter.grad is not None for parameter in model.critic.encoder.parameters())
    others = [*model.critic.q_networks, model.critic_target, model.actor]
    assert all(parameter.grad is None for part in others for parameter in part.parameters())


def test_the_weight_scales_the_loss_in_the_one_backward_pass(make_env, small, make_batch):
    gradients = []
    for weight in (0.0, 1.0, 3.0):
        model = make_algorithm("curl", make_env(), contrastive_weight=weight, **small)
        torch.manual_seed(0)
        model.update_critic(model.augment(make_batch()))
        gradients.append(torch.cat([p.grad.flatten() for p in model.critic.encoder.parameters()]))
    torch.testing.assert_close(
        gradients[2] - gradients[0], 3 * (gradients[1] - gradients[0]), rtol=1e-3, atol=1e-5
    )
    assert (gradients[1] - gradients[0]).norm() > 0


def test_the_loss_falls_on_a_fixed_batch(model, make_batch):
    batch, logs = model.augment(make_batch()), []
    for _ in range(60):
        model.update_critic(batch)
        model.update_targets()
        logs.append(model.meter.drain(0))
    values = [log["loss/contrastive"] for log in logs]
    assert np.mean(values[-5:]) < 0.5 * np.mean(values[:5])
    assert np.mean([log["curl/accuracy"] for log in logs[-5:]]) > 0.8
