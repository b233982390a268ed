"""What answers questions about pictures."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np
import numpy.typing as npt
from PIL import Image

Picture = npt.NDArray[np.uint8]  # (3, H, W)


class Chat(Protocol):
    """A chat model that looks at one picture per question.

    Attributes:
        identity: All that decides the answers but the question: class, model, revision, settings.
    """

    identity: str

    def __call__(
        self, pictures: Sequence[Picture], prompts: Sequence[str], within: float | None = None
    ) -> list[str | None]:
        """Ask one question about each picture.

        Args:
            pictures: N pictures, (3, H, W) uint8, RGB.
            prompts: The N questions.
            within: Time until which what is not known is given up [s]; None means the chat's own.

        Returns:
            N answers; None where there is none.
        """

    def counts(self) -> dict[str, float]:
        """`asked`, `answered`, `failed`, `retries` and `seconds` since this was made."""


def enlarged(picture: Picture, factor: int) -> Image.Image:
    """A picture, (3, H, W) uint8, `factor` times as wide and high.

    Vision-language models cut a picture into patches (Qwen2-VL: one token per 28x28 pixels), so that a
    128x128 frame as it is would be some 20 tokens, too few for what is far away.
    """
    image = Image.fromarray(np.ascontiguousarray(picture.transpose(1, 2, 0)))
    return image.resize((image.width * factor, image.height * factor), Image.Resampling.BICUBIC)


def check_positive(**numbers: float) -> None:
    """Check arguments that must be finite and above 0.

    Raises:
        ValueError: If one is not; the message names it.
    """
    for name, value in numbers.items():
        if not 0 < value < float("inf"):
            raise ValueError(f"{name} must be a positive number, got {value!r}")
