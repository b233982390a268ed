"""Small models with random weights, saved as a hub would have them."""

from __future__ import annotations

import json
import string
from pathlib import Path

import numpy as np
import pytest
import torch
import transformers

START, END = "<|startoftext|>", "<|endoftext|>"
PHRASES = [("car", "a red car ahead"), (), ("pedestrian",), ("a", "b", "car")]


@pytest.fixture(scope="session")
def tokenizer():
    """CLIP's tokenizer of letters and digits; the end is the largest number, as CLIP has it."""
    letters = string.ascii_lowercase + string.digits + "!"
    tokens = ["!", *(letter + "</w>" for letter in letters), *letters[:-1], START, END]
    return transformers.CLIPTokenizer({token: number for number, token in enumerate(tokens)}, [])


@pytest.fixture(scope="session")
def frames():
    """(4, 3, 40, 56) uint8: wider than high, each different."""
    return np.random.default_rng(0).integers(0, 256, (4, 3, 40, 56), np.uint8)


def randomise(model, std=0.3):
    """Weights far enough from zero for the answers to differ."""
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if not (parameter.dim() == 1 and name.endswith("weight")):  # a normalisation's gain
                parameter.normal_(0, std, generator=generator)
    return model.eval()


def text_config(tokenizer, **settings):
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


@pytest.fixture(scope="session")
def clipseg(tokenizer, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("clipseg")
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


@pytest.fixture(scope="session")
def sam3(tokenizer, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("sam3")
    vit = {
        "model_type": "sam3_vit_model",
        "hidden_size": 32,
        "intermediate_size": 48,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "image_size": 56,
        "patch_size": 14,
        "window_size": 2,
        "global_attn_indexes": [1],
        "pretrain_image_size": 28,
    }
    small = {"hidden_size": 32, "num_layers": 1, "num_attention_heads": 4, "intermediate_size": 48}
    config = transformers.Sam3Config(
        vision_config={
            "backbone_config": vit,
            "fpn_hidden_size": 32,
            "backbone_feature_sizes": [[16, 16], [8, 8], [4, 4]],
        },
        text_config={
            "model_type": "clip_text_model",
            "projection_dim": 16,
            "max_position_embeddings": 32,
            **text_config(tokenizer),
        },
        geometry_encoder_config=small,
        detr_encoder_config=small,
        detr_decoder_config={**small, "num_queries": 5},
        mask_decoder_config={"hidden_size": 32, "num_attention_heads": 4},
    )
    randomise(transformers.Sam3Model(config), std=0.3).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    images = {"size": {"height": 56, "width": 56}, "image_mean": [0.5] * 3, "image_std": [0.5] * 3}
    (folder / "processor_config.json").write_text(json.dumps({"image_processor": images}))
    return folder
