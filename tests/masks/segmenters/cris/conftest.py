"""Layers of a network once more, in float64 numpy and one sample at a time."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
import torch


def array(tensor):
    return tensor.detach().double().numpy()


def conv(image, layer):
    """(C, H, W) through an nn.Conv2d of stride 1, pixel by pixel."""
    kernel = array(layer.weight)
    outputs, _, size, _ = kernel.shape
    padded = np.pad(image, ((0, 0), (size // 2, size // 2), (size // 2, size // 2)))
    result = np.zeros((outputs, *image.shape[1:]))
    for row, column in np.ndindex(image.shape[1:]):
        window = padded[:, row : row + size, column : column + size]
        result[:, row, column] = (kernel * window).sum(axis=(1, 2, 3))
    return result if layer.bias is None else result + array(layer.bias)[:, None, None]


def norm(values, layer):
    """(C, ...) through a batch normalisation that no longer learns."""
    mean, variance, gain, bias = (
        array(tensor).reshape(-1, *[1] * (values.ndim - 1))
        for tensor in (layer.running_mean, layer.running_var, layer.weight, layer.bias)
    )
    return (values - mean) / np.sqrt(variance + layer.eps) * gain + bias


def relu(values):
    return np.maximum(values, 0)


def conv_norm_relu(image, layers):
    return relu(norm(conv(image, layers[0]), layers[1]))


def layer_norm(tokens, layer):
    centred = tokens - tokens.mean(axis=-1, keepdims=True)
    scaled = centred / np.sqrt((centred**2).mean(axis=-1, keepdims=True) + layer.eps)
    return scaled * array(layer.weight) + array(layer.bias)


def linear(tokens, layer):
    result = tokens @ array(layer.weight).T
    return result if layer.bias is None else result + array(layer.bias)


def pool(image):
    """The mean of every 2 x 2 pixels."""
    channels, height, width = image.shape
    return image.reshape(channels, height // 2, 2, width // 2, 2).mean(axis=(2, 4))


def upsample(image):
    """Twice the size: each pixel 3/4 of the nearest and 1/4 of the next, along both axes."""
    for axis in (1, 2):
        size = image.shape[axis]
        pixels = [image.take(index, axis) for index in range(size)]
        result = []
        for index, pixel in enumerate(pixels):
            result.append(0.75 * pixel + 0.25 * pixels[max(index - 1, 0)])
            result.append(0.75 * pixel + 0.25 * pixels[min(index + 1, size - 1)])
        image = np.stack(result, axis)
    return image


def attention(queries, keys, values, heads, hidden=None):
    """(N, D) queries over (M, D) keys, head by head; `hidden` (N, M) says who does not see whom."""
    size = queries.shape[1] // heads
    results = []
    for head in range(heads):
        part = slice(head * size, (head + 1) * size)
        scores = queries[:, part] @ keys[:, part].T / np.sqrt(size)
        if hidden is not None:
            scores[hidden] = -np.inf
        weights = np.exp(scores - scores.max(axis=1, keepdims=True))
        results.append(weights / weights.sum(axis=1, keepdims=True) @ values[:, part])
    return np.concatenate(results, axis=1)


def multihead(layer, queries, keys, values, hidden=None):
    """An nn.MultiheadAttention."""
    weights = np.split(array(layer.in_proj_weight), 3)
    biases = np.split(array(layer.in_proj_bias), 3)
    projected = [
        tokens @ weight.T + bias
        for tokens, weight, bias in zip((queries, keys, values), weights, biases, strict=True)
    ]
    return linear(attention(*projected, layer.num_heads, hidden), layer.out_proj)


@pytest.fixture
def reference():
    functions = (array, conv, norm, relu, conv_norm_relu, layer_norm, linear, pool, upsample)
    return SimpleNamespace(**{function.__name__: function for function in (*functions, attention, multihead)})


@pytest.fixture
def randomised():
    """Gives a module random parameters and statistics, in float64 and no longer learning."""

    def change(module):
        generator = torch.Generator().manual_seed(0)
        for name, tensor in module.double().state_dict().items():
            if name.endswith("running_var"):
                tensor.uniform_(0.5, 2, generator=generator)
            elif tensor.is_floating_point():
                tensor.normal_(0, 0.4, generator=generator)
        return module.eval()

    return change


@pytest.fixture
def noise():
    """Standard normal float64 tensors."""
    generator = torch.Generator().manual_seed(1)
    return lambda *shape: torch.randn(*shape, generator=generator, dtype=torch.float64)
