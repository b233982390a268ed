from __future__ import annotations

import math

import numpy as np
import torch

from semore_gym.masks.segmenters.cris.decoder import Decoder, DecoderLayer, grid_encoding, sinusoids


def encoding(place, width):
    """The position encoding of one place, number by number."""
    values = []
    for pair in range(width // 2):
        angle = place / 10000 ** (2 * pair / width)
        values += [math.sin(angle), math.cos(angle)]
    return values


def test_words_are_encoded_by_sines_and_cosines():
    expected = [encoding(place, 12) for place in range(17)]
    np.testing.assert_allclose(sinusoids(17, 12), expected, atol=1e-5)


def test_pixels_are_encoded_by_column_then_row():
    expected = [encoding(column, 8) + encoding(row, 8) for row in range(3) for column in range(5)]
    np.testing.assert_allclose(grid_encoding(3, 5, 16), expected, atol=1e-5)


def reference_layer(reference, layer, pixels, words, places, keys, padding):
    normed = reference.layer_norm(pixels, layer.norm1)
    placed = normed + places
    attended = reference.multihead(layer.self_attn, placed, placed, normed)
    pixels = pixels + reference.layer_norm(attended, layer.self_attn_norm)
    placed = reference.layer_norm(pixels, layer.norm2) + places
    hidden = np.tile(padding, (len(pixels), 1))
    read = reference.multihead(layer.multihead_attn, placed, keys, words, hidden)
    pixels = pixels + reference.layer_norm(read, layer.cross_attn_norm)
    inside = reference.relu(reference.linear(reference.layer_norm(pixels, layer.norm3), layer.ffn[0]))
    return pixels + reference.linear(reference.layer_norm(inside, layer.ffn[3]), layer.ffn[4])


def test_layer_attends_to_pixels_then_to_words(reference, randomised, noise):
    layer = randomised(DecoderLayer(16))
    pixels, words, places, keys = noise(2, 6, 16), noise(2, 4, 16), noise(6, 16), noise(2, 4, 16)
    padding = torch.tensor([[False, False, True, True], [False, False, False, True]])
    with torch.no_grad():
        outputs = layer(pixels, words, places, keys, padding)
    for index, output in enumerate(outputs.numpy()):
        one = (tensor[index].numpy() for tensor in (pixels, words))
        rest = places.numpy(), keys[index].numpy(), padding[index].numpy()
        np.testing.assert_allclose(output, reference_layer(reference, layer, *one, *rest))


def test_decoder_stacks_its_layers(reference, randomised, noise):
    decoder = randomised(Decoder(16, layers=2))
    features, words = noise(1, 16, 2, 3), noise(1, 4, 16)
    padding = torch.tensor([[False, False, False, True]])
    with torch.no_grad():
        output = decoder(features, words, padding)
    pixels = np.array([features[0, :, row, column].numpy() for row in range(2) for column in range(3)])
    places = np.array([encoding(column, 8) + encoding(row, 8) for row in range(2) for column in range(3)])
    keys = words[0].numpy() + [encoding(place, 16) for place in range(4)]
    for layer in decoder.layers:
        pixels = reference_layer(reference, layer, pixels, words[0].numpy(), places, keys, padding[0].numpy())
    expected = reference.layer_norm(pixels, decoder.norm)
    # the encodings are float32
    np.testing.assert_allclose(output[0].flatten(1).T, expected, rtol=1e-4, atol=1e-5)


def test_padding_is_not_read(randomised, noise):
    decoder = randomised(Decoder(16, layers=1))
    features, words = noise(1, 16, 2, 2), noise(1, 3, 16)
    other = words.clone()
    other[:, 2] = noise(16)
    padding = torch.tensor([[False, False, True]])
    with torch.no_grad():
        assert torch.equal(decoder(features, words, padding), decoder(features, other, padding))
        assert not torch.allclose(decoder(features, words, ~padding), decoder(features, other, ~padding))
