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


def test_the_critic_sees_the_queries(model, make_batch):
    batch, seen = model.augment(make_batch()), []
    model.critic.encoder.stem.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    model.update_critic(batch)
    queries = batch.frames[:8].float() / 255
    torch.testing.assert_close(seen[0], queries)  # the critic's loss
    torch.testing.assert_close(seen[-1], queries)  # the contrastive loss, after the critic's step
    assert len(seen) == 3  # and the next observations between them


def contrast_reference(model, queries, keys):
    queries, keys = model.critic.encoder(queries), model.critic_target.encoder(keys)
    logits = (queries @ model.contrast.weight @ keys.T).detach().numpy()
    loss = np.mean([np.log(np.exp(row - row[i]).sum()) for i, row in enumerate(logits)])
    return loss, np.mean(logits.argmax(axis=1) == np.arange(len(logits)))


def test_the_loss_is_info_nce_over_the_batch(model, make_batch):
    with torch.no_grad():  # as if a while had passed
        for parameter in model.critic_target.encoder.parameters():
            parameter.add_(0.01)
    queries, keys = model.augment(make_batch()).frames.chunk(2)
    loss, accuracy = contrast_reference(model, queries, keys)
    model.update_contrast(queries, keys)
    log = model.meter.drain(0)
    assert log["loss/contrastive"] == pytest.approx(loss, rel=1e-4)
    assert log["curl/accuracy"] == accuracy


def test_the_loss_has_an_adam_of_its_own_for_encoder_and_w_and_nothing_else(model, make_batch):
    state = {name: value.clone() for name, value in model.policy.state_dict().items()}
    weight = model.contrast.weight.detach().clone()
    model.update_contrast(*model.augment(make_batch()).frames.chunk(2))
    moved = {name for name, value in model.policy.state_dict().items() if not torch.equal(value, state[name])}
    assert moved == {name for name in state if name.startswith("critic.encoder.")}
    assert not torch.equal(model.contrast.weight, weight)
    assert not model.critic.optimizer.state  # which has seen nothing of it


def test_the_contrastive_adam_is_saved_and_goes_on(model, make_batch, make_env, tmp_path):
    queries, keys = model.augment(make_batch()).frames.chunk(2)
    model.update_contrast(queries, keys)
    model.save(tmp_path / "model.zip")
    loaded = type(model).load(tmp_path / "model.zip", make_env())
    for one in (model, loaded):
        one.update_contrast(queries, keys)
    torch.testing.assert_close(loaded.contrast.weight, model.contrast.weight, rtol=0, atol=0)
    pairs = zip(loaded.critic.encoder.parameters(), model.critic.encoder.parameters(), strict=True)
    assert all(torch.equal(*pair) for pair in pairs)


def test_the_contrastive_adam_follows_the_schedule(make_env, small):
    model = make_algorithm("curl", make_env(), learning_rate=lambda left: 1e-3 * left, **small)
    model.learn(40)
    rates = {one.param_groups[0]["lr"] for one in (model.contrast_optimizer, model.critic.optimizer)}
    assert len(rates) == 1
    assert rates.pop() < 1e-3


def test_the_loss_falls_on_a_fixed_batch(model, make_batch):
    batch, logs = model.augment(make_batch()), []
    for _ in range(60):
        model.update_critic(batch)
        model.update_targets()
        logs.append(model.meter.drain(0))
    values = [log["loss/contrastive"] for log in logs]
    assert np.mean(values[-5:]) < 0.5 * np.mean(values[:5])
    assert np.mean([log["curl/accuracy"] for log in logs[-5:]]) > 0.8
