import math

import numpy as np
import pytest
import torch

from semore_gym.policies import DeepMDP
from semore_gym.policies.deepmdp import bounded_gaussian, gaussian_loss


@pytest.fixture
def make_model(make_env, small):
    def make(**kwargs):
        return DeepMDP("VisualPolicy", make_env(mask=False), **{**small, **kwargs})

    return make


def with_gradient(module):
    return {name for name, parameter in module.named_parameters() if parameter.grad is not None}


def test_gaussian_loss_is_the_likelihood_of_independent_normals():
    rng = np.random.default_rng(0)
    mean, following = rng.normal(size=(2, 4, 3))
    sigma = rng.uniform(0.1, 2, size=(4, 3))
    density = [
        math.exp(-(((f - m) / s) ** 2) / 2) / (s * math.sqrt(2 * math.pi))
        for m, s, f in zip(mean.flat, sigma.flat, following.flat, strict=True)
    ]
    constant = math.log(2 * math.pi) / 2
    expected = sum(-math.log(p) - constant for p in density) / len(density)
    loss = gaussian_loss(*(torch.as_tensor(array) for array in (mean, sigma, following)))
    assert loss.item() == pytest.approx(expected, rel=1e-9)


def test_erpvs_equation_differs_by_a_factor_on_sigma_and_a_constant():
    mean, sigma, following = torch.rand(3, 5, 4).double() + 0.1
    scaled = math.sqrt(2) * sigma
    equation_12 = (((mean - following) / scaled).square() + scaled.log()).mean()
    loss = gaussian_loss(mean, sigma, following)
    assert equation_12.item() == pytest.approx(loss.item() + math.log(2) / 2, rel=1e-6)


def test_sigma_stays_within_its_bounds():
    raw = torch.tensor([[1.0, 2.0, 3.0, -1000.0, 0.0, 1000.0]])
    mean, sigma = bounded_gaussian(raw)
    assert mean.tolist() == [[1, 2, 3]]
    assert sigma[0].tolist() == pytest.approx([0.1, (0.1 + 10) / 2, 10])


@pytest.mark.parametrize("n_steps", [1, 3])
def test_losses_are_one_step_whatever_the_return(make_model, make_batch, n_steps):
    model, batch = make_model(), make_batch(n_steps=n_steps)
    torch.nn.init.normal_(
        model.critic_target.encoder.head.streams[0][1].weight
    )  # the target's latent is not the aim
    named = model.auxiliary_losses(batch, model.encode(batch))
    inputs = torch.cat([model.critic.encoder(batch.frames), batch.actions], dim=1)
    raw = model.heads["transition"](inputs).double().detach().numpy()
    following = model.critic.encoder(batch.step_next_frames).double().detach().numpy()
    expected = []
    for row, latent in zip(raw, following, strict=True):
        for i, value in enumerate(latent):
            sigma = 0.1 + (10 - 0.1) / (1 + math.exp(-row[16 + i]))
            expected.append(((value - row[i]) / sigma) ** 2 / 2 + math.log(sigma))
    assert named["transition"].item() == pytest.approx(np.mean(expected), rel=1e-4)
    rewards = model.heads["reward"](inputs).detach().numpy()
    error = np.mean((rewards - batch.step_rewards.numpy()) ** 2)
    assert named["reward"].item() == pytest.approx(error, rel=1e-4)


@pytest.mark.parametrize("name", ["transition", "reward"])
def test_a_loss_trains_the_encoder_and_its_own_head_only(make_model, make_batch, name):
    model, batch = make_model(), make_batch()
    model.auxiliary_losses(batch, model.encode(batch))[name].backward()
    assert with_gradient(model.critic) == {f"encoder.{n}" for n, _ in model.critic.encoder.named_parameters()}
    assert with_gradient(model.heads) == {f"{name}.{n}" for n, _ in model.heads[name].named_parameters()}
    assert not with_gradient(model.critic_target)
    assert not with_gradient(model.actor)


def test_no_gradient_reaches_the_next_latent():
    mean, sigma, following = (torch.ones(2, 3, requires_grad=True) for _ in range(3))
    gaussian_loss(mean, sigma, following).backward()
    assert following.grad is None
    assert mean.grad is not None
    assert sigma.grad is not None


def test_losses_fall_on_a_fixed_batch(make_model, make_batch):
    model, batch, history = make_model(), make_batch(), []
    for _ in range(40):
        model.update_critic(batch)
        history.append(model.meter.drain(0))
    assert history[-1]["loss/transition"] < history[0]["loss/transition"] - 0.5
    assert history[-1]["loss/reward"] < 0.5 * history[0]["loss/reward"]
    assert history[-1]["deepmdp/sigma"] < history[0]["deepmdp/sigma"]  # it grows surer


def test_weights_are_arguments(make_model):
    model = make_model(transition_weight=0.5, reward_weight=2.0)
    assert model.loss_weights == {"transition": 0.5, "reward": 2.0}
