"""CLIPSeg, a small open-vocabulary segmenter."""

from __future__ import annotations

from torch import Tensor

from semore_gym.masks.segmenters.pairs import PairSegmenter
from semore_gym.masks.segmenters.pixels import Pixels, whole_frame
from semore_gym.vlm.pretrained import Pretrained, need_transformers


class CLIPSegSegmenter(PairSegmenter):
    """CLIPSeg (Lüddecke and Ecker 2022): CLIP's features and a small decoder told what to look for.

    The lightest of the three segmenters: 151 million parameters. Each frame is encoded once, however many
    phrases it has.

    Args:
        model: A hub's name or a folder.
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
        >>> segmenter = CLIPSegSegmenter()  # doctest: +SKIP
        >>> (logits,) = segmenter(frames[:1], [("car", "pedestrian")])  # (2, H, W) float32  # doctest: +SKIP
    """

    def __init__(
        self,
        model: str = "CIDAS/clipseg-rd64-refined",
        *,
        revision: str | None = None,
        local_files_only: bool = False,
        device: str = "auto",
        dtype: str = "float32",
        batch_size: int = 32,
    ) -> None:
        super().__init__(device, dtype, batch_size)
        need_transformers()
        from transformers import CLIPSegForImageSegmentation, CLIPTokenizer
        from transformers.image_processing_base import ImageProcessingMixin

        files = Pretrained(str(model), revision, local_files_only, "0.6 GB")
        config, _ = files.look_up(ImageProcessingMixin.get_image_processor_dict)
        self._pixels = Pixels.from_config(config)
        self._tokenizer = files.load(CLIPTokenizer)
        self._model = files.load(CLIPSegForImageSegmentation, dtype=self.dtype).to(self.device).eval()
        self.identity = f"clipseg {files.version()} {dtype}"

    def _logits(self, frames: Tensor, phrases: list[str], frame_of: Tensor, phrase_of: Tensor) -> Tensor:
        pixels = self._pixels(frames).to(self.dtype)
        vision = self._model.clip.get_image_features(
            pixels, interpolate_pos_encoding=True, output_hidden_states=True
        )
        # hidden_states begin with what goes into the first layer
        layers = [vision.hidden_states[layer + 1][frame_of] for layer in self._model.extract_layers]
        longest = self._model.config.text_config.max_position_embeddings
        tokens = self._tokenizer(
            phrases, padding=True, truncation=True, max_length=longest, return_tensors="pt"
        )
        text = self._model.clip.get_text_features(**tokens.to(self.device)).pooler_output
        logits = self._model.decoder(layers, text[phrase_of]).logits
        height, width = frames.shape[2:]
        return whole_frame(logits, height, width)
