"""CRIS's text-to-pixel projector (Wang et al. 2022, section 3.4): the sentence becomes a convolution."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional

from semore_gym.masks.segmenters.cris.neck import convolution

KERNEL = 3


class Projector(nn.Module):
    """Upsamples a map fourfold and convolves it with a kernel made of the sentence.

    Args:
        sentence: Size of the sentence's features.
        width: Channels of the convolved map; twice as many come in.
    """

    def __init__(self, sentence: int, width: int) -> None:
        super().__init__()
        self.vis = nn.Sequential(
            nn.Upsample(scale_factor=2, mode="bilinear"),
            convolution(2 * width, 2 * width, 3),
            nn.Upsample(scale_factor=2, mode="bilinear"),
            convolution(2 * width, width, 3),
            nn.Conv2d(width, width, 1),
        )
        self.txt = nn.Linear(sentence, width * KERNEL**2 + 1)

    def forward(self, features: Tensor, sentence: Tensor) -> Tensor:
        """Logits of each pixel.

        Args:
            features: (B, 2 width, H, W).
            sentence: (B, sentence).

        Returns:
            (B, 4H, 4W).
        """
        features = self.vis(features)
        batch, width = features.shape[:2]
        kernels = self.txt(sentence)
        logits = functional.conv2d(
            features.flatten(0, 1).unsqueeze(0),  # one group of channels for each sample
            kernels[:, :-1].view(batch, width, KERNEL, KERNEL),
            kernels[:, -1],
            padding=KERNEL // 2,
            groups=batch,
        )
        return logits.squeeze(0)
