"""CRIS's vision-language decoder (Wang et al. 2022, section 3.3): pixels attend to pixels, then to words."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

HEADS = 8


class DecoderLayer(nn.Module):
    """Self-attention of the pixels, cross-attention to the words, a perceptron; each normed before and after.

    Args:
        width: Channels.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.self_attn_norm = nn.LayerNorm(width)
        self.cross_attn_norm = nn.LayerNorm(width)
        self.self_attn = nn.MultiheadAttention(width, HEADS, batch_first=True)
        self.multihead_attn = nn.MultiheadAttention(width, HEADS, batch_first=True)
        self.ffn = nn.Sequential(
            nn.Linear(width, 4 * width),
            nn.ReLU(),
            nn.Identity(),  # dropout, when it was trained
            nn.LayerNorm(4 * width),
            nn.Linear(4 * width, width),
        )
        self.norm1 = nn.LayerNorm(width)
        self.norm2 = nn.LayerNorm(width)
        self.norm3 = nn.LayerNorm(width)

    def forward(self, pixels: Tensor, words: Tensor, places: Tensor, keys: Tensor, padding: Tensor) -> Tensor:
        """Refine the pixels.

        Args:
            pixels: (B, N, width).
            words: (B, L, width), what is read from the words.
            places: (N, width), the pixels' position encoding.
            keys: (B, L, width), what the words are found by: words and their position encoding.
            padding: (B, L) bool, True where there is no word.

        Returns:
            (B, N, width).
        """
        normed = self.norm1(pixels)
        placed = normed + places
        attended = self.self_attn(placed, placed, normed, need_weights=False)[0]
        pixels = pixels + self.self_attn_norm(attended)
        placed = self.norm2(pixels) + places
        read = self.multihead_attn(placed, keys, words, key_padding_mask=padding, need_weights=False)[0]
        pixels = pixels + self.cross_attn_norm(read)
        refined: Tensor = pixels + self.ffn(self.norm3(pixels))
        return refined


class Decoder(nn.Module):
    """A stack of layers between a map and words.

    Args:
        width: Channels of both; a multiple of 8.
        layers: How many.
    """

    def __init__(self, width: int, layers: int) -> None:
        super().__init__()
        self.layers = nn.ModuleList(DecoderLayer(width) for _ in range(layers))
        self.norm = nn.LayerNorm(width)

    def forward(self, features: Tensor, words: Tensor, padding: Tensor) -> Tensor:
        """Let the words speak to the pixels.

        Args:
            features: (B, width, H, W).
            words: (B, L, width).
            padding: (B, L) bool, True where there is no word.

        Returns:
            (B, width, H, W).
        """
        batch, width, height, columns = features.shape
        places = grid_encoding(height, columns, width).to(features)
        keys = words + sinusoids(words.shape[1], width).to(words)
        pixels = features.flatten(2).transpose(1, 2)
        for layer in self.layers:
            pixels = layer(pixels, words, places, keys, padding)
        refined: Tensor = self.norm(pixels).transpose(1, 2)
        return refined.reshape(batch, width, height, columns)


def sinusoids(length: int, width: int) -> Tensor:
    """Position encoding of Vaswani et al. (2017), (length, width): sines in even channels, else cosines."""
    rates = torch.exp(torch.arange(0, width, 2) * (-math.log(10000) / width))
    angles = torch.arange(length).unsqueeze(1) * rates
    return torch.stack([angles.sin(), angles.cos()], dim=2).flatten(1)


def grid_encoding(height: int, columns: int, width: int) -> Tensor:
    """Position encoding of a map, (height * columns, width): the column in the first half, then the row."""
    half = width // 2
    column = sinusoids(columns, half).expand(height, columns, half)
    row = sinusoids(height, half).unsqueeze(1).expand(height, columns, half)
    return torch.cat([column, row], dim=2).flatten(0, 1)
