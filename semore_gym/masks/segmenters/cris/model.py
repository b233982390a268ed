"""CRIS, put together and loaded."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from semore_gym.masks.segmenters.cris.clip import CLIP
from semore_gym.masks.segmenters.cris.decoder import Decoder
from semore_gym.masks.segmenters.cris.neck import Neck
from semore_gym.masks.segmenters.cris.projector import Projector

RESNET50 = (3, 4, 6, 3)
RESNET101 = (3, 4, 23, 3)
SHOWN = 5  # names of parameters in an error


class CRIS(nn.Module):
    """CLIP-driven referring image segmentation (Wang et al. 2022).

    Its parameters are named as in the authors' checkpoints. The defaults after `sentence` are theirs.

    Args:
        blocks: Blocks in each stage of CLIP's residual network: `RESNET50` or `RESNET101`.
        sentence: Size of CLIP's shared space: 1024 for ResNet-50, 512 for ResNet-101.
        width: Channels of the image encoder's first stage.
        text_layers: Blocks of the text encoder.
        vocabulary: Tokens that there are.
        widths: Channels of the neck at 1/8, 1/16 and 1/32 of the image; the second is that of the text
            encoder and of the decoder too.
        decoder_layers: Layers of the decoder.
    """

    def __init__(
        self,
        blocks: tuple[int, int, int, int],
        sentence: int,
        *,
        width: int = 64,
        text_layers: int = 12,
        vocabulary: int = 49408,
        widths: tuple[int, int, int] = (256, 512, 1024),
        decoder_layers: int = 3,
    ) -> None:
        super().__init__()
        inside = widths[1]
        self.backbone = CLIP(blocks, sentence, width, inside, text_layers, vocabulary)
        self.neck = Neck((8 * width, 16 * width, sentence), widths)
        self.decoder = Decoder(inside, decoder_layers)
        self.proj = Projector(sentence, inside // 2)

    def forward(self, images: Tensor, tokens: Tensor) -> Tensor:
        """Segment each image by its sentence.

        Args:
            images: (B, 3, H, W), normalised; H and W multiples of 32, 416 as it was trained.
            tokens: (B, L) int64: start, words, end, then zeros.

        Returns:
            (B, H / 4, W / 4) logits.
        """
        maps = self.backbone.visual(images)
        return self.segment(maps, *self.backbone.encode_text(tokens), tokens == 0)

    def segment(
        self, maps: tuple[Tensor, Tensor, Tensor], words: Tensor, sentence: Tensor, padding: Tensor
    ) -> Tensor:
        """What follows the encoders.

        Args:
            maps: The image encoder's, (B, C, H / s, W / s) at s = 8, 16 and 32.
            words: (B, L, text width).
            sentence: (B, sentence).
            padding: (B, L) bool, True where there is no word.

        Returns:
            (B, H / 4, W / 4) logits.
        """
        fused = self.decoder(self.neck(maps, sentence), words, padding)
        logits: Tensor = self.proj(fused, sentence)
        return logits


def load_cris(path: Path) -> CRIS:
    """Load a checkpoint of CRIS with ResNet-50 or ResNet-101, which of them its parameters tell.

    Args:
        path: A `.safetensors` file, or one of torch.save with tensors and plain containers only; parameters
            may lie in an entry `"state_dict"` and their names begin with `"module."`.

    Raises:
        FileNotFoundError: If there is no such file; the message says how to get one.
        ValueError: If the parameters are not those of CRIS; the message lists what is missing, unexpected or
            of another shape.
    """
    weights = read_weights(path)
    deep = any(name.startswith("backbone.visual.layer3.6.") for name in weights)
    with torch.device("meta"):
        model = CRIS(RESNET101, 512) if deep else CRIS(RESNET50, 1024)
    check_weights(path, model.state_dict(), weights)
    model.load_state_dict(weights, assign=True)
    return model.eval()


def read_weights(path: Path) -> dict[str, Tensor]:
    """Read the parameters in a file; nothing but tensors and plain containers is unpickled.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it holds something else.
    """
    if not path.is_file():
        raise FileNotFoundError(
            f"no weights of CRIS at {str(path)!r}: give a checkpoint of CRIS with ResNet-50 (0.6 GB) or "
            f"ResNet-101 (0.65 GB), of its authors or trained with their code, as model"
        )
    if path.suffix == ".safetensors":
        from safetensors.torch import load_file

        content: Any = load_file(path)
    else:
        content = torch.load(path, map_location="cpu", weights_only=True)
    while isinstance(content, Mapping) and "state_dict" in content:
        content = content["state_dict"]
    if not isinstance(content, Mapping) or not all(isinstance(value, Tensor) for value in content.values()):
        raise ValueError(f"{str(path)!r} must hold named tensors, or a dict with them as 'state_dict'")
    return {name.removeprefix("module."): value for name, value in content.items()}


def check_weights(path: Path, wanted: Mapping[str, Tensor], found: Mapping[str, Tensor]) -> None:
    """Compare names and shapes.

    Raises:
        ValueError: If they differ.
    """
    common = wanted.keys() & found.keys()
    wrong = {name for name in common if wanted[name].shape != found[name].shape}
    faults = {
        "missing": wanted.keys() - found.keys(),
        "unexpected": found.keys() - wanted.keys(),
        "of another shape": wrong,
    }
    listed = [f"{len(names)} {fault} ({_shortened(names)})" for fault, names in faults.items() if names]
    if listed:
        raise ValueError(f"{str(path)!r} does not hold the parameters of CRIS: {'; '.join(listed)}")


def _shortened(names: set[str]) -> str:
    shown = sorted(names)[:SHOWN]
    return ", ".join(shown) + (", ..." if len(names) > SHOWN else "")
