"""SAM 3, a large segmenter of whatever a noun phrase names."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from semore_gym.masks.segmenters.pairs import PairSegmenter
from semore_gym.masks.segmenters.pixels import Pixels, whole_frame
from semore_gym.vlm.pretrained import Pretrained, need_transformers

WORDS = 32  # tokens that its text encoder reads
OUTPUTS = ("semantic", "instances")


class SAM3Segmenter(PairSegmenter):
    """SAM 3 (Carion et al. 2025) prompted by phrases.

    The heaviest of the three segmenters: 840 million parameters, images of 1008 x 1008. Each frame is encoded
    once, however many phrases it has. Its weights are handed out to those who agree to their licence: ask
    on the model's page, then `hf auth login`.

    Args:
        model: A hub's name or a folder.
        output: `"semantic"` for the semantic head's logits; `"instances"` for its object queries merged:
            a pixel's probability is the largest sigmoid(mask) sigmoid(score) sigmoid(presence) of a query.
        revision: A branch, tag or commit of it; None means the newest.
        local_files_only: Whether to look only at what was downloaded before.
        device: Where the model runs; `"auto"` is the GPU where there is one.
        dtype: What it computes in: `"float32"`, `"bfloat16"` or `"float16"`.
        batch_size: Most pairs of a frame and a phrase at once.

    Raises:
        ModuleNotFoundError: If transformers is missing.
        FileNotFoundError: If the weights are not there; the message says how to get them.
        ValueError: If an argument is out of range.

    Example:
        >>> segmenter = SAM3Segmenter(dtype="bfloat16")  # doctest: +SKIP
        >>> (logits,) = segmenter(frames[:1], [("car", "pedestrian")])  # (2, H, W) float32  # doctest: +SKIP
    """

    def __init__(
        self,
        model: str = "facebook/sam3",
        *,
        output: str = "semantic",
        revision: str | None = None,
        local_files_only: bool = False,
        device: str = "auto",
        dtype: str = "float32",
        batch_size: int = 4,
    ) -> None:
        super().__init__(device, dtype, batch_size)
        if output not in OUTPUTS:
            raise ValueError(f"output must be one of {', '.join(OUTPUTS)}, got {output!r}")
        need_transformers()
        from transformers import CLIPTokenizer, Sam3Model
        from transformers.image_processing_base import ImageProcessingMixin

        files = Pretrained(str(model), revision, local_files_only, "3.4 GB, after agreeing to its licence")
        # its own image processor would need torchvision
        config, _ = files.look_up(ImageProcessingMixin.get_image_processor_dict)
        self._pixels = Pixels.from_config(config)
        self._tokenizer = files.load(CLIPTokenizer)
        self._model = files.load(Sam3Model, dtype=self.dtype).to(self.device).eval()
        self._output = output
        self.identity = f"sam3 {files.version()} {output} {dtype}"

    def _logits(self, frames: Tensor, phrases: list[str], frame_of: Tensor, phrase_of: Tensor) -> Tensor:
        vision = self._model.get_vision_features(self._pixels(frames).to(self.dtype))
        for name in ("fpn_hidden_states", "fpn_position_encoding"):
            setattr(vision, name, tuple(level[frame_of] for level in getattr(vision, name)))
        tokens = self._tokenizer(
            phrases, padding="max_length", truncation=True, max_length=WORDS, return_tensors="pt"
        ).to(self.device)
        found = self._model(
            vision_embeds=vision,
            input_ids=tokens.input_ids[phrase_of],
            attention_mask=tokens.attention_mask[phrase_of],
        )
        height, width = frames.shape[2:]
        if self._output == "semantic":
            return whole_frame(found.semantic_seg.squeeze(1), height, width)
        return whole_frame(merge_instances(found), height, width)


def merge_instances(found: Any) -> Tensor:
    """The logits of being on any instance.

    Args:
        found: Masks `pred_masks` (P, Q, h, w), scores `pred_logits` (P, Q) and `presence_logits` (P, 1), all
            logits.

    Returns:
        (P, h, w) float32: logit(max over q of sigmoid(mask_q) sigmoid(score_q) sigmoid(presence)).
    """
    scores = found.pred_logits.float().sigmoid() * found.presence_logits.float().sigmoid()
    inside = found.pred_masks.float().sigmoid() * scores[:, :, None, None]
    return torch.logit(inside.amax(dim=1), eps=1e-6)
