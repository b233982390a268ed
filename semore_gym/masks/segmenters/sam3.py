"""SAM 3, a large segmenter of whatever a noun phrase names."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from semore_gym.masks.segmenters.pairs import PairSegmenter
from semore_gym.masks.segmenters.pixels import Pixels, logit, whole_frame
from semore_gym.vlm.pretrained import Pretrained, need_transformers

WORDS = 32  # tokens that its text encoder reads
OUTPUTS = ("semantic", "instances")
LITE = "sam3_lite_text"  # with a small text encoder
TYPES = ("sam3", "sam3_video", LITE)  # facebook/sam3 is the second, a detector and a tracker in one


class SAM3Segmenter(PairSegmenter):
    """SAM 3 (Carion et al. 2025) prompted by phrases.

    The heaviest of the three segmenters: 840 million parameters, images of 1008 x 1008. Each frame is encoded
    once, however many phrases it has. Its weights are handed out to those who agree to their licence: ask
    on the model's page, then `hf auth login`.

    Presence is the model's own verdict on whether what a phrase names is in the frame at all; its semantic
    head, asked for a thing that is not there, marks whatever is most like it.

    Args:
        model: A hub's name or a folder; SAM 3, or SAM 3 LiteText with its smaller text encoder.
        output: `"semantic"` for the semantic head: a pixel's probability is sigmoid(logit) sigmoid(presence);
            `"instances"` for its object queries merged: it is the largest sigmoid(mask) sigmoid(score)
            sigmoid(presence) of a query.
        revision: A branch, tag or commit of it; None means the newest.
        local_files_only: Whether to look only at what was downloaded before.
        device: Where the model runs; `"auto"` is the GPU where there is one.
        dtype: What it computes in: `"float32"`, `"bfloat16"` or `"float16"`.
        batch_size: Most pairs of a frame and a phrase at once.

    Raises:
        ModuleNotFoundError: If transformers is missing.
        FileNotFoundError: If the weights are not there; the message says how to get them.
        ValueError: If an argument is out of range, or the model is another one.

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
        from transformers import AutoModel, CLIPTokenizer, PreTrainedConfig, Sam3Model
        from transformers.image_processing_base import ImageProcessingMixin

        files = Pretrained(str(model), revision, local_files_only, "3.4 GB, after agreeing to its licence")
        kind, _ = files.look_up(PreTrainedConfig.get_config_dict)
        if (model_type := kind.get("model_type")) not in TYPES:
            raise ValueError(
                f"model must be SAM 3, of type {', '.join(TYPES)}, got {str(model)!r} of type {model_type!r}"
            )
        # its own image processor would need torchvision
        config, _ = files.look_up(ImageProcessingMixin.get_image_processor_dict)
        self._pixels = Pixels.from_config(config)
        self._tokenizer = files.load(CLIPTokenizer)
        # by the type in its file facebook/sam3 would become a model of videos
        loaded = files.load(AutoModel if model_type == LITE else Sam3Model, dtype=self.dtype)
        self._model = loaded.to(self.device).eval()
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
        merged = merge_semantic(found) if self._output == "semantic" else merge_instances(found)
        return whole_frame(merged, height, width)


def merge_semantic(found: Any) -> Tensor:
    """The logits of being what the phrase names.

    Args:
        found: `semantic_seg` (P, 1, h, w) and `presence_logits` (P, 1), both logits.

    Returns:
        (P, h, w) float32: logit(sigmoid(semantic) sigmoid(presence)).
    """
    presence = found.presence_logits.float().sigmoid()
    return logit(found.semantic_seg.squeeze(1).float().sigmoid() * presence[:, :, None])


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
    return logit(inside.amax(dim=1))
