"""Models small enough for a test, with random weights."""

from __future__ import annotations

import string
from pathlib import Path
from typing import Any, TypeVar

import torch
import transformers
from transformers import PreTrainedTokenizerBase

Model = TypeVar("Model", bound=torch.nn.Module)

START, END = "<|startoftext|>", "<|endoftext|>"


def make_tokenizer() -> PreTrainedTokenizerBase:
    """CLIP's tokenizer of letters and digits; the end is the largest number, as CLIP has it."""
    letters = string.ascii_lowercase + string.digits + "!"
    tokens = ["!", *(letter + "</w>" for letter in letters), *letters[:-1], START, END]
    return transformers.CLIPTokenizer({token: number for number, token in enumerate(tokens)}, [])


def randomise(model: Model, std: float = 0.3) -> Model:
    """Weights far enough from zero for the answers to differ."""
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if not (parameter.dim() == 1 and name.endswith("weight")):  # a normalisation's gain
                parameter.normal_(0, std, generator=generator)
    return model.eval()


def text_config(tokenizer: PreTrainedTokenizerBase, **settings: Any) -> dict[str, Any]:
    return {
        "vocab_size": len(tokenizer),
        "hidden_size": 32,
        "intermediate_size": 48,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "bos_token_id": tokenizer.bos_token_id,
        "eos_token_id": tokenizer.eos_token_id,
        **settings,
    }


def save_clipseg(folder: Path) -> Path:
    """A CLIPSeg with all that belongs to it, in `folder`."""
    tokenizer = make_tokenizer()
    vision = {
        "hidden_size": 32,
        "intermediate_size": 48,
        "num_hidden_layers": 4,
        "num_attention_heads": 4,
        "image_size": 48,
        "patch_size": 16,
    }
    config = transformers.CLIPSegConfig(
        text_config=text_config(tokenizer),
        vision_config=vision,
        projection_dim=16,
        extract_layers=[0, 2, 3],
        reduce_dim=16,
        decoder_intermediate_size=32,
    )
    randomise(transformers.CLIPSegForImageSegmentation(config)).save_pretrained(folder)
    images = transformers.ViTImageProcessor(
        size={"height": 64, "width": 64}, image_mean=[0.4, 0.5, 0.6], image_std=[0.2, 0.25, 0.3]
    )
    transformers.CLIPSegProcessor(images, tokenizer).save_pretrained(folder)
    return folder
