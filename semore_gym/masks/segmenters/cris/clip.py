"""CLIP (Radford et al. 2021) as CRIS uses it: feature maps of images, features of every token."""

from __future__ import annotations

from collections import OrderedDict

import torch
from torch import Tensor, nn

from semore_gym.masks.segmenters.cris.resnet import HEAD, ResNet

CONTEXT = 77  # tokens that the text transformer has positions for


class QuickGELU(nn.Module):
    """x sigmoid(1.702 x), CLIP's approximation of GELU."""

    def forward(self, values: Tensor) -> Tensor:
        """Of any shape."""
        return values * torch.sigmoid(1.702 * values)


class TextBlock(nn.Module):
    """A pre-norm transformer block in which a token sees itself and what comes before it."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.attn = nn.MultiheadAttention(width, width // HEAD, batch_first=True)
        self.ln_1 = nn.LayerNorm(width)
        layers = [
            ("c_fc", nn.Linear(width, 4 * width)),
            ("gelu", QuickGELU()),
            ("c_proj", nn.Linear(4 * width, width)),
        ]
        self.mlp = nn.Sequential(OrderedDict(layers))
        self.ln_2 = nn.LayerNorm(width)

    def forward(self, tokens: Tensor) -> Tensor:
        """(B, L, width) to the same shape."""
        length = tokens.shape[1]
        later = torch.ones(length, length, dtype=torch.bool, device=tokens.device).triu(1)
        normed = self.ln_1(tokens)
        tokens = tokens + self.attn(normed, normed, normed, need_weights=False, attn_mask=later)[0]
        output: Tensor = tokens + self.mlp(self.ln_2(tokens))
        return output


class CLIP(nn.Module):
    """Image and text encoders.

    Args:
        blocks: Blocks in each stage of the image encoder.
        outputs: Size of the space that images and sentences share.
        width: Channels of the image encoder's first stage.
        text_width: Channels of the text encoder.
        text_layers: Blocks of the text encoder.
        vocabulary: Tokens that there are.
    """

    def __init__(
        self,
        blocks: tuple[int, int, int, int],
        outputs: int,
        width: int,
        text_width: int,
        text_layers: int,
        vocabulary: int,
    ) -> None:
        super().__init__()
        self.visual = ResNet(blocks, outputs, width)
        text_blocks = nn.Sequential(*(TextBlock(text_width) for _ in range(text_layers)))
        self.transformer = nn.ModuleDict({"resblocks": text_blocks})
        self.token_embedding = nn.Embedding(vocabulary, text_width)
        self.positional_embedding = nn.Parameter(torch.randn(CONTEXT, text_width) / 100)
        self.ln_final = nn.LayerNorm(text_width)
        self.text_projection = nn.Parameter(torch.randn(text_width, outputs) / text_width**0.5)
        self.logit_scale = nn.Parameter(torch.zeros(()))  # of CLIP's own loss; checkpoints have it

    def encode_text(self, tokens: Tensor) -> tuple[Tensor, Tensor]:
        """Features of words and of sentences.

        Args:
            tokens: (B, L) int64, L at most 77; the largest number of a row marks the sentence's end.

        Returns:
            (B, L, text_width) of each token, (B, outputs) of the sentence, read off at its end.
        """
        embedded = self.token_embedding(tokens) + self.positional_embedding[: tokens.shape[1]]
        words = self.ln_final(self.transformer["resblocks"](embedded))
        ends = words[torch.arange(len(words), device=words.device), tokens.argmax(dim=1)]
        return words, ends @ self.text_projection
