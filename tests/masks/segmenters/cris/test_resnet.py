from __future__ import annotations

import numpy as np
import pytest
import torch

from semore_gym.masks.segmenters.cris.resnet import AttentionPool, Bottleneck, ResNet


@pytest.mark.parametrize(("inputs", "stride"), [(8, 1), (6, 1), (8, 2)])
def test_bottleneck_is_the_sum_of_two_ways(inputs, stride, reference, randomised, noise):
    block = randomised(Bottleneck(inputs, 2, stride))
    images = noise(2, inputs, 6, 4)
    with torch.no_grad():
        outputs = block(images)
    shrink = reference.pool if stride == 2 else lambda image: image
    for image, output in zip(images.numpy(), outputs.numpy(), strict=True):
        inside = reference.conv_norm_relu(image, [block.conv1, block.bn1])
        inside = shrink(reference.conv_norm_relu(inside, [block.conv2, block.bn2]))
        inside = reference.norm(reference.conv(inside, block.conv3), block.bn3)
        shortcut = image
        if inputs != 8 or stride != 1:
            layers = dict(block.downsample.named_children())
            shortcut = reference.norm(reference.conv(shrink(image), layers["0"]), layers["1"])
        np.testing.assert_allclose(output, reference.relu(inside + shortcut))


def cubic(positions, rows, columns):
    """Resize a (grid, grid, C) embedding by the cubic convolution with a = -0.75, edges repeated."""
    a = -0.75

    def weight(distance):
        d = abs(distance)
        if d <= 1:
            return (a + 2) * d**3 - (a + 3) * d**2 + 1
        return a * d**3 - 5 * a * d**2 + 8 * a * d - 4 * a if d < 2 else 0.0

    for axis, size in ((0, rows), (1, columns)):
        grid = positions.shape[axis]
        lines = []
        for index in range(size):
            place = (index + 0.5) * grid / size - 0.5
            near = range(int(np.floor(place)) - 1, int(np.floor(place)) + 3)
            lines.append(sum(weight(place - n) * positions.take(np.clip(n, 0, grid - 1), axis) for n in near))
        positions = np.stack(lines, axis)
    return positions


@pytest.mark.parametrize("shape", [(3, 3), (4, 5)])
def test_attention_pool_keeps_the_map(shape, reference, randomised, noise):
    layer = randomised(AttentionPool(128, 6, grid=3))
    images = noise(2, 128, *shape)
    with torch.no_grad():
        outputs = layer(images)
    learnt = reference.array(layer.positional_embedding)[1:].reshape(3, 3, 128)
    positions = cubic(learnt, *shape).reshape(-1, 128)
    for image, output in zip(images.numpy(), outputs.numpy(), strict=True):
        tokens = image.reshape(128, -1).T + positions
        queries, keys, values = (
            reference.linear(tokens, project) for project in (layer.q_proj, layer.k_proj, layer.v_proj)
        )
        pooled = reference.linear(reference.attention(queries, keys, values, heads=2), layer.c_proj)
        shortcut = reference.norm(reference.conv(image, layer.connect[0]), layer.connect[1])
        expected = reference.relu(pooled.T.reshape(6, *shape) + shortcut)
        # the positions are resized in float32
        np.testing.assert_allclose(output, expected, rtol=1e-4, atol=1e-5)


def test_maps_are_at_an_eighth_a_sixteenth_and_a_thirty_second(noise):
    network = ResNet((1, 2, 1, 1), outputs=10, width=8).eval()
    with torch.no_grad():
        third, fourth, fifth = network(noise(2, 3, 64, 96).float())
    assert third.shape == (2, 64, 8, 12)
    assert fourth.shape == (2, 128, 4, 6)
    assert fifth.shape == (2, 10, 2, 3)


def test_the_maps_follow_from_one_another(randomised, noise):
    network = randomised(ResNet((1, 2, 1, 1), outputs=10, width=8))
    images = noise(1, 3, 64, 64)
    features = images
    with torch.no_grad():
        third, fourth, fifth = network(images)
        for convolution, stride, normalisation in (
            (network.conv1, 2, network.bn1),
            (network.conv2, 1, network.bn2),
            (network.conv3, 1, network.bn3),
        ):
            features = torch.nn.functional.conv2d(features, convolution.weight, stride=stride, padding=1)
            features = normalisation(features).clamp(min=0)
        first = network.layer1(features.unfold(2, 2, 2).unfold(3, 2, 2).mean(dim=(4, 5)))
        torch.testing.assert_close(third, network.layer2(first))
        torch.testing.assert_close(fourth, network.layer3(third))
        torch.testing.assert_close(fifth, network.attnpool(network.layer4(fourth)))
