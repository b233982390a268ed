from itertools import pairwise

import numpy as np
import pytest
import torch

from semore_gym.policies import Flare
from semore_gym.policies.flare import FlareEncoder


@pytest.fixture
def make_encoder():
    def make(frames=3):
        torch.manual_seed(0)
        return FlareEncoder((3 * frames, 40, 40), channels=(8, 8), stream_dim=5)

    return make


def noise(frames=3, seed=0):
    rng = torch.Generator().manual_seed(seed)
    return torch.randint(0, 256, (4, 3 * frames, 40, 40), dtype=torch.uint8, generator=rng)


@pytest.mark.parametrize("count", [2, 3, 4])
def test_features_are_latents_and_their_differences(make_encoder, count):
    encoder, frames = make_encoder(count), noise(count)
    _, linear, norm = encoder.head.streams[0]
    for sample, features in zip(frames, encoder(frames), strict=True):
        images = sample.reshape(count, 3, 40, 40).float() / 255
        z = [encoder.stem(image[None]).detach().numpy().ravel() for image in images]
        fused = np.concatenate([*z[1:], *(new - old for old, new in pairwise(z))])
        y = linear.weight.detach().numpy() @ fused + linear.bias.detach().numpy()
        expected = (y - y.mean()) / np.sqrt(y.var() + norm.eps)
        np.testing.assert_allclose(features.detach().numpy(), expected, rtol=1e-3, atol=1e-4)


def test_frames_are_encoded_in_one_call_each_for_itself(make_encoder):
    encoder, frames, shapes = make_encoder(), noise(), []
    encoder.stem.register_forward_hook(lambda _, inputs, __: shapes.append(inputs[0].shape))
    maps = encoder.convolve(encoder.prepare(frames))
    assert shapes == [(12, 3, 40, 40)]
    assert [m.shape for m in maps] == [(4, *encoder.map_shape)] * 3
    changed = frames.clone()
    changed[:, 3:6] = 255 - changed[:, 3:6]
    same = [torch.equal(*pair) for pair in zip(maps, encoder.convolve(encoder.prepare(changed)), strict=True)]
    assert same == [True, False, True]


def test_the_subtracted_latent_is_a_constant(make_encoder):
    encoder = make_encoder()
    maps = [m.detach().requires_grad_() for m in encoder.convolve(encoder.prepare(noise()))]
    weights = torch.randn(4, 5, generator=torch.Generator().manual_seed(1))
    (encoder.head(encoder.mix(tuple(maps))) * weights).sum().backward()
    assert maps[0].grad is None  # the oldest is only subtracted
    # a newer one's gradient is that of its own latent and of its own difference, not of the next difference
    size, (_, linear, norm) = maps[0][0].numel(), encoder.head.streams[0]
    y = (
        linear(torch.cat([*maps[1:], maps[1] - maps[0], maps[2] - maps[1]], dim=1).flatten(1))
        .detach()
        .requires_grad_()
    )
    (norm(y) * weights).sum().backward()
    by_part = (y.grad @ linear.weight).reshape(4, 4, size)
    for index in (0, 1):
        expected = by_part[:, index] + by_part[:, 2 + index]
        torch.testing.assert_close(maps[1 + index].grad.flatten(1), expected, rtol=1e-4, atol=1e-6)


def test_one_frame_has_no_difference():
    with pytest.raises(ValueError, match=r"at least two RGB frames, got 3 channels.*FrameHistory"):
        FlareEncoder((3, 40, 40))


def test_algorithm_is_visual_sac_on_this_encoder(make_env, small):
    model = Flare("FlarePolicy", make_env(mask=False), **small)
    assert isinstance(model.critic.encoder, FlareEncoder)
    assert model.critic.encoder.features_dim == 16
    assert not model.heads
