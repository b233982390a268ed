from __future__ import annotations

import numpy as np
import torch

from semore_gym.masks.segmenters.cris.projector import Projector


def test_each_sentence_is_a_convolution_of_its_own_map(reference, randomised, noise):
    projector = randomised(Projector(6, 4))
    features, sentences = noise(2, 8, 2, 3), noise(2, 6)
    with torch.no_grad():
        outputs = projector(features, sentences)
    assert outputs.shape == (2, 8, 12)
    for image, sentence, output in zip(features.numpy(), sentences.numpy(), outputs.numpy(), strict=True):
        image = reference.conv_norm_relu(reference.upsample(image), projector.vis[1])
        image = reference.conv_norm_relu(reference.upsample(image), projector.vis[3])
        padded = np.pad(reference.conv(image, projector.vis[4]), ((0, 0), (1, 1), (1, 1)))
        numbers = reference.linear(sentence, projector.txt)
        expected = np.full((8, 12), numbers[-1])
        for channel, row, column in np.ndindex(4, 3, 3):
            weight = numbers[channel * 9 + row * 3 + column]
            expected += weight * padded[channel, row : row + 8, column : column + 12]
        np.testing.assert_allclose(output, expected)
