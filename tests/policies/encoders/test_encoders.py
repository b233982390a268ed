import numpy as np
import pytest
import torch
from torch import nn

from semore_gym.policies.encoders.base import PixelEncoder, to_float
from semore_gym.policies.encoders.dual_stream import DualStreamEncoder
from semore_gym.policies.encoders.networks import initialise, update_average

TINY = (8, 8, 8, 8)


def noise(*shape, seed=0):
    return torch.randint(0, 256, shape, dtype=torch.uint8, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize(
    ("size", "first_kernel", "expected"),
    [(128, 3, (256, 7, 7)), (128, 5, (256, 6, 6)), (84, 3, (256, 4, 4)), (64, 3, (256, 3, 3))],
)
def test_map_of_the_paper_preset(size, first_kernel, expected):
    encoder = PixelEncoder((9, size, size), first_kernel=first_kernel)
    frames = noise(2, 9, size, size)
    assert encoder.map_shape == expected
    assert encoder.convolve(encoder.prepare(frames))[0].shape == (2, *expected)
    assert encoder(frames).shape == (2, 50)


def test_pixels_are_scaled_once_whatever_their_type():
    frames = noise(3, 9, 40, 40)
    pixels = to_float(frames)
    np.testing.assert_array_equal(pixels.numpy(), frames.numpy().astype(np.float32) / np.float32(255))
    assert pixels.is_contiguous(memory_format=torch.channels_last)
    torch.testing.assert_close(to_float(pixels), pixels, rtol=0, atol=0)


def test_residual_is_the_difference_of_neighbouring_frames():
    frames = noise(3, 9, 40, 40)
    _, residual = DualStreamEncoder((9, 40, 40), TINY).prepare(frames)
    o = frames.numpy().astype(np.int16).reshape(3, 3, 3, 40, 40)
    for step in range(2):
        expected = (o[:, step + 1] - o[:, step]).astype(np.float32) / np.float32(255)
        np.testing.assert_array_equal(residual[:, 3 * step : 3 * step + 3].numpy(), expected)


def test_scaled_floats_give_the_same_features_as_bytes():
    frames = noise(3, 9, 48, 48)
    encoder = DualStreamEncoder((9, 48, 48), TINY)
    torch.testing.assert_close(encoder(frames.float() / 255), encoder(frames), rtol=1e-4, atol=1e-5)


def test_frames_are_not_written_to():
    frames = noise(2, 9, 48, 48)
    before = frames.clone()
    scaled = frames.float().contiguous(memory_format=torch.channels_last) / 255
    scaled_before = scaled.clone()
    encoder = DualStreamEncoder((9, 48, 48), TINY)
    encoder(frames), encoder(scaled)
    assert torch.equal(frames, before)
    assert torch.equal(scaled, scaled_before)


def test_every_layer_is_orthogonal_with_zero_bias():
    encoder = DualStreamEncoder((9, 48, 48), TINY)
    for name, layer in encoder.named_modules():
        if isinstance(layer, nn.Conv2d | nn.Linear):
            rows = layer.weight.flatten(1)
            small = rows @ rows.T if rows.shape[0] <= rows.shape[1] else rows.T @ rows
            gain = 2.0 if name.startswith(("semantic.", "motion.")) else 1.0  # squared; before a ReLU or not
            torch.testing.assert_close(small, gain * torch.eye(len(small)), rtol=1e-4, atol=1e-4)
            assert not layer.bias.any()


def test_empty_mask_encodes_to_zero_at_first():
    encoder = DualStreamEncoder((9, 48, 48), TINY)
    maps = encoder.convolve(encoder.prepare(noise(2, 9, 48, 48)))
    assert not encoder.guidance(maps[0], torch.zeros(2, 1, 48, 48, dtype=torch.uint8)).blank.any()


def test_guidance_encodes_masks_as_images_and_leaves_other_samples_alone():
    encoder = DualStreamEncoder((9, 48, 48), TINY)
    semantic, _ = encoder.convolve(encoder.prepare(noise(4, 9, 48, 48)))
    masks = noise(4, 1, 48, 48, seed=1)
    masks[[0, 2]] = 0
    guidance = encoder.guidance(semantic, masks)
    assert guidance.rows.tolist() == [1, 3]
    expected = encoder.semantic(masks[[1, 3]].repeat(1, 9, 1, 1).float() / 255)
    torch.testing.assert_close(guidance.knowledge, expected, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(guidance.keys[[1, 3]], guidance.knowledge, rtol=0, atol=0)
    torch.testing.assert_close(guidance.keys[[0, 2]], semantic[[0, 2]], rtol=0, atol=0)


@pytest.mark.parametrize("gradient", [False, True])
def test_gradient_flows_through_knowledge_and_into_keys_only_when_asked(gradient):
    encoder = DualStreamEncoder((9, 48, 48), TINY)
    semantic, _ = encoder.convolve(encoder.prepare(noise(2, 9, 48, 48)))
    guidance = encoder.guidance(semantic.detach(), noise(2, 1, 48, 48), gradient)
    assert guidance.knowledge.requires_grad
    assert guidance.keys.requires_grad == gradient


def test_a_share_of_the_masked_samples_is_guided_drawn_for_each_by_itself():
    encoder = DualStreamEncoder((9, 48, 48), TINY)
    semantic, _ = encoder.convolve(encoder.prepare(noise(64, 9, 48, 48)))
    masks = noise(64, 1, 48, 48, seed=1)
    torch.manual_seed(0)
    for share, least, most in ((0.0, 0, 0), (0.25, 6, 26), (1.0, 64, 64)):
        guidance = encoder.guidance(semantic, masks, share=share)
        guided = (guidance.keys != semantic).flatten(1).any(dim=1)
        assert least <= guided.sum() <= most
        torch.testing.assert_close(guidance.keys[guided], guidance.knowledge[guided], rtol=0, atol=0)
        assert len(guidance.rows) == 64  # L_S-G counts all of them


@pytest.mark.parametrize("size", [64, 128])
def test_the_interaction_says_something_from_the_first(size, real_batches):
    encoder = DualStreamEncoder((9, size, size))
    for frames, masks in real_batches(size):
        with torch.no_grad():
            maps = encoder.convolve(encoder.prepare(frames))
            mixed = encoder.mix(maps, encoder.guidance(maps[0], masks).keys)
        added = mixed[0] - maps[0]
        varies = added - added.mean(dim=0)
        assert varies.norm() >= 0.01 * maps[0].norm()


def test_mix_follows_equation_7():
    encoder = DualStreamEncoder((9, 48, 48), TINY)
    maps = encoder.convolve(encoder.prepare(noise(2, 9, 48, 48)))
    keys = torch.rand_like(maps[0])
    part = encoder.interaction
    attention = interaction_reference(part, keys, maps[1])
    semantic = maps[0].clone()
    motion = maps[1].clone()
    for sample in range(2):
        for position in range(4):
            row, column = divmod(position, 2)
            semantic[sample, :, row, column] += part.to_semantic_map(attention[sample, position])
            motion[sample, :, row, column] += part.to_motion_map(attention[sample, position])
    mixed = encoder.mix(maps, keys)
    torch.testing.assert_close(mixed, (semantic, motion), rtol=1e-4, atol=1e-5)
    of_semantic, of_motion = encoder.head.streams
    expected = torch.cat([of_semantic(semantic), of_motion(motion)], dim=1)
    torch.testing.assert_close(encoder.head(mixed), expected, rtol=1e-4, atol=1e-5)


def interaction_reference(part, keys, motion):
    k, m = part.to_keys(keys).flatten(2), part.to_motion(motion).flatten(2)
    rows = []
    for sample in range(len(k)):
        score = k[sample].T @ m[sample]
        both = torch.softmax(torch.softmax(score, 1) + torch.softmax(score.T, 1), 1)
        rows.append(len(both) * (len(both) * both - 1))
    return torch.stack(rows)


def test_keys_matter_only_with_interaction():
    for interaction in (True, False):
        encoder = DualStreamEncoder((9, 48, 48), TINY, interaction=interaction)
        maps = encoder.convolve(encoder.prepare(noise(2, 9, 48, 48)))
        same = torch.equal(encoder.mix(maps)[0], encoder.mix(maps, torch.rand_like(maps[0]))[0])
        assert same != interaction


def test_motion_features_do_not_see_a_still_picture():
    encoder = DualStreamEncoder((9, 48, 48), TINY, interaction=False)
    still = [noise(2, 3, 48, 48, seed=seed).repeat(1, 3, 1, 1) for seed in range(2)]
    features = [encoder.motion_features(encoder(frames)) for frames in still]
    assert torch.equal(*features)


def test_small_images_are_refused():
    with pytest.raises(ValueError, match=r"images must be large enough.*20x20"):
        PixelEncoder((9, 20, 20), TINY)


def test_one_frame_has_no_motion():
    with pytest.raises(ValueError, match="FrameHistory"):
        DualStreamEncoder((3, 48, 48), TINY)


def test_average_moves_by_tau_exactly():
    online, slow = nn.Linear(3, 2), nn.Linear(3, 2)
    before = slow.weight.detach().numpy().astype(np.float64)
    update_average(online, slow, 0.05)
    expected = 0.95 * before + 0.05 * online.weight.detach().numpy().astype(np.float64)
    np.testing.assert_allclose(slow.weight.detach().numpy(), expected, rtol=1e-5)


def test_gain_is_one_before_anything_but_a_relu():
    network = nn.Sequential(nn.Linear(4, 4), nn.ReLU(), nn.Linear(4, 4), nn.Tanh())
    initialise(network)
    norms = [layer.weight.norm().item() for layer in (network[0], network[2])]
    np.testing.assert_allclose(norms, [8**0.5, 2.0], rtol=1e-5)
