"""CLIP's residual network (Radford et al. 2021), its pooling changed to keep the feature map."""

from __future__ import annotations

from collections import OrderedDict

import torch
from torch import Tensor, nn
from torch.nn import functional

EXPANSION = 4  # of a block's channels, inside to outside
HEAD = 64  # channels of an attention head


class Bottleneck(nn.Module):
    """A residual block of 1x1, 3x3 and 1x1 convolutions that pools where others use a stride.

    Args:
        inputs: Input channels.
        width: Channels inside; four times as many come out.
        stride: Factor by which height and width shrink.
    """

    def __init__(self, inputs: int, width: int, stride: int = 1) -> None:
        super().__init__()
        outputs = EXPANSION * width
        self.conv1 = nn.Conv2d(inputs, width, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.avgpool = nn.AvgPool2d(stride)
        self.conv3 = nn.Conv2d(width, outputs, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(outputs)
        self.downsample: nn.Module = nn.Identity()
        if stride > 1 or inputs != outputs:
            shortcut = [
                ("-1", nn.AvgPool2d(stride)),
                ("0", nn.Conv2d(inputs, outputs, 1, bias=False)),
                ("1", nn.BatchNorm2d(outputs)),
            ]
            self.downsample = nn.Sequential(OrderedDict(shortcut))

    def forward(self, features: Tensor) -> Tensor:
        """(B, inputs, H, W) to (B, 4 width, H / stride, W / stride)."""
        inside = functional.relu(self.bn1(self.conv1(features)))
        inside = functional.relu(self.bn2(self.conv2(inside)))
        inside = self.bn3(self.conv3(self.avgpool(inside)))
        return functional.relu(inside + self.downsample(features))


class AttentionPool(nn.Module):
    """CLIP's attention pooling as CRIS has it: every position asks, no mean token, and a 1x1 shortcut.

    Args:
        channels: Input channels.
        outputs: Output channels.
        grid: Height and width of the map that the position embedding was learnt for.
    """

    def __init__(self, channels: int, outputs: int, grid: int = 7) -> None:
        super().__init__()
        self.grid = grid
        self.positional_embedding = nn.Parameter(torch.randn(grid**2 + 1, channels) / channels**0.5)
        self.k_proj = nn.Linear(channels, channels)
        self.q_proj = nn.Linear(channels, channels)
        self.v_proj = nn.Linear(channels, channels)
        self.c_proj = nn.Linear(channels, outputs)
        self.connect = nn.Sequential(nn.Conv2d(channels, outputs, 1, bias=False), nn.BatchNorm2d(outputs))

    def forward(self, features: Tensor) -> Tensor:
        """(B, channels, H, W) to (B, outputs, H, W)."""
        batch, channels, height, width = features.shape
        tokens = (features + self._positions(height, width)).flatten(2).transpose(1, 2)
        queries, keys, values = (
            project(tokens).view(batch, height * width, channels // HEAD, HEAD).transpose(1, 2)
            for project in (self.q_proj, self.k_proj, self.v_proj)
        )
        attended = functional.scaled_dot_product_attention(queries, keys, values)
        pooled = self.c_proj(attended.transpose(1, 2).flatten(2))  # (B, HW, outputs)
        pooled = pooled.transpose(1, 2).reshape(batch, -1, height, width)
        return functional.relu(pooled + self.connect(features))

    def _positions(self, height: int, width: int) -> Tensor:
        """The embedding on another grid, (1, channels, height, width); the mean token's is unused."""
        learnt = self.positional_embedding[1:].t().reshape(1, -1, self.grid, self.grid)
        resized = functional.interpolate(learnt.float(), (height, width), mode="bicubic", align_corners=False)
        return resized.to(learnt.dtype)


class ResNet(nn.Module):
    """CLIP's residual network: a stem of three convolutions, four stages, attention pooling.

    Args:
        blocks: Blocks in each stage.
        outputs: Channels of the last map.
        width: Channels of the first stage's inside; 64 in CLIP's ResNet-50 and ResNet-101.
    """

    def __init__(self, blocks: tuple[int, int, int, int], outputs: int, width: int) -> None:
        super().__init__()
        half = width // 2
        self.conv1 = nn.Conv2d(3, half, 3, stride=2, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(half)
        self.conv2 = nn.Conv2d(half, half, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(half)
        self.conv3 = nn.Conv2d(half, width, 3, padding=1, bias=False)
        self.bn3 = nn.BatchNorm2d(width)
        self.layer1 = _stage(width, width, blocks[0], 1)
        self.layer2 = _stage(4 * width, 2 * width, blocks[1], 2)
        self.layer3 = _stage(8 * width, 4 * width, blocks[2], 2)
        self.layer4 = _stage(16 * width, 8 * width, blocks[3], 2)
        self.attnpool = AttentionPool(32 * width, outputs)

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Maps at three scales.

        Args:
            images: (B, 3, H, W), normalised; H and W multiples of 32.

        Returns:
            (B, 8 width, H / 8, W / 8), (B, 16 width, H / 16, W / 16), (B, outputs, H / 32, W / 32).
        """
        features = functional.relu(self.bn1(self.conv1(images)))
        features = functional.relu(self.bn2(self.conv2(features)))
        features = functional.relu(self.bn3(self.conv3(features)))
        features = self.layer1(functional.avg_pool2d(features, 2))
        third = self.layer2(features)
        fourth = self.layer3(third)
        return third, fourth, self.attnpool(self.layer4(fourth))


def _stage(inputs: int, width: int, blocks: int, stride: int) -> nn.Sequential:
    rest = [Bottleneck(EXPANSION * width, width) for _ in range(blocks - 1)]
    return nn.Sequential(Bottleneck(inputs, width, stride), *rest)
