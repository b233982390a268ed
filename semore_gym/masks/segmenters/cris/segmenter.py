"""CRIS as a segmenter, the one of Semore's and ERPV's papers."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

import torch
from torch import Tensor
from torch.nn import functional

from semore_gym.masks.segmenters.base import Phrasing
from semore_gym.masks.segmenters.cris.model import load_cris
from semore_gym.masks.segmenters.pairs import PairSegmenter
from semore_gym.masks.segmenters.pixels import Pixels, resize, whole_frame
from semore_gym.utils.files import expanded
from semore_gym.vlm.pretrained import Pretrained, digest, need_transformers

SIZE = 416  # of the images that CRIS was trained on
WORDS = 17  # tokens of a phrase, its start and end included
PIXELS = Pixels(
    SIZE, SIZE, (0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711), "bicubic"
)


class CRISSegmenter(PairSegmenter):
    """CRIS (Wang et al. 2022), which finds the one thing that a phrase refers to.

    147 million parameters with ResNet-50, 161 million with ResNet-101. Each frame is encoded once, however
    many phrases it has. Frames are resized to 416 x 416; one that is not square keeps its aspect and is
    padded with the mean colour on both sides, and the logits are read off where it lies. A phrase of more
    than 15 tokens is cut.

    Args:
        model: A checkpoint's file, of torch.save or safetensors.
        tokenizer: CLIP's tokenizer, all of whose versions agree: a hub's name or a folder.
        revision: A branch, tag or commit of the tokenizer; None means the newest.
        local_files_only: Whether to look only at what was downloaded before.
        device: Where the model runs; `"auto"` is the GPU where there is one.
        dtype: What it computes in: `"float32"`, `"bfloat16"` or `"float16"`.
        batch_size: Most pairs of a frame and a phrase at once.

    Raises:
        ModuleNotFoundError: If transformers is missing.
        FileNotFoundError: If the weights are not there; the message says how to get them.
        ValueError: If an argument is out of range or the file holds something else.

    Example:
        >>> segmenter = CRISSegmenter("cris_r50.pth")  # doctest: +SKIP
        >>> (logits,) = segmenter(frames[:1], [("the car ahead", "a pedestrian")])  # doctest: +SKIP
    """

    phrasing: ClassVar[Phrasing] = "referring"

    def __init__(
        self,
        model: str | Path = "cris_r50.pth",
        *,
        tokenizer: str = "openai/clip-vit-base-patch32",
        revision: str | None = None,
        local_files_only: bool = False,
        device: str = "auto",
        dtype: str = "float32",
        batch_size: int = 16,
    ) -> None:
        super().__init__(device, dtype, batch_size)
        need_transformers()
        from transformers import CLIPTokenizer

        file = expanded(model)
        self._model = load_cris(file).to(self.device, self.dtype)
        self._tokenizer = Pretrained(tokenizer, revision, local_files_only, "3 MB").load(CLIPTokenizer)
        self.identity = f"cris {digest(file)} {dtype}"

    def _logits(self, frames: Tensor, phrases: list[str], frame_of: Tensor, phrase_of: Tensor) -> Tensor:
        maps = self._model.backbone.visual(letterbox(frames).to(self.dtype))
        tokens = self._tokens(phrases)
        words, sentence = self._model.backbone.encode_text(tokens)
        logits = self._model.segment(
            tuple(features[frame_of] for features in maps),
            words[phrase_of],
            sentence[phrase_of],
            (tokens == 0)[phrase_of],
        )
        return unletterbox(logits, *frames.shape[2:])

    def _tokens(self, phrases: list[str]) -> Tensor:
        """Start, words, end, then zeros, (V, 17) int64; the tokenizer's own padding is another number."""
        encoded = self._tokenizer(
            phrases, padding="max_length", truncation=True, max_length=WORDS, return_tensors="pt"
        )
        return torch.where(encoded.attention_mask.bool(), encoded.input_ids, 0).to(self.device)


def letterbox(frames: Tensor) -> Tensor:
    """Resize frames into the middle of 416 x 416 images, their aspect kept, and normalise them.

    Args:
        frames: (N, 3, H, W) uint8.

    Returns:
        (N, 3, 416, 416) float32, 0 (the mean colour) around the frame.
    """
    top, left, height, width = _placed(*frames.shape[2:])
    images = PIXELS.normalise(resize(frames.float(), height, width, PIXELS.mode))
    return functional.pad(images, (left, SIZE - width - left, top, SIZE - height - top))


def unletterbox(logits: Tensor, height: int, width: int) -> Tensor:
    """Read the logits of the frame off those of the image that `letterbox` put it in.

    Args:
        logits: (P, 104, 104).
        height: The frame's.
        width: The frame's.

    Returns:
        (P, height, width) float32.
    """
    # CRIS learns that of its 104 x 104 logits the corner ones belong to the image's corner pixels
    image = functional.interpolate(
        logits.float().unsqueeze(1), (SIZE, SIZE), mode="bicubic", align_corners=True
    )
    top, left, rows, columns = _placed(height, width)
    return whole_frame(image[:, 0, top : top + rows, left : left + columns], height, width)


def _placed(height: int, width: int) -> tuple[int, int, int, int]:
    """Top, left, height and width of a letterboxed frame [px]."""
    scale = SIZE / max(height, width)
    rows, columns = max(1, round(height * scale)), max(1, round(width * scale))
    return (SIZE - rows) // 2, (SIZE - columns) // 2, rows, columns
