"""Small models with random weights, saved as a hub would have them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import transformers

from helpers.tiny_models import make_tokenizer, randomise, save_clipseg, text_config


@pytest.fixture(scope="session")
def tokenizer():
    return make_tokenizer()


@pytest.fixture(scope="session")
def frames():
    """(4, 3, 40, 56) uint8: wider than high, each different."""
    return np.random.default_rng(0).integers(0, 256, (4, 3, 40, 56), np.uint8)


@pytest.fixture(scope="session")
def clipseg(tmp_path_factory) -> Path:
    return save_clipseg(tmp_path_factory.mktemp("clipseg"))


@pytest.fixture(scope="session")
def sam3(tokenizer, tmp_path_factory) -> Path:
    text = {"model_type": "clip_text_model", "max_position_embeddings": 32, **text_config(tokenizer)}
    model = transformers.Sam3Model(transformers.Sam3Config(**sam3_parts({"projection_dim": 16, **text})))
    return save_sam3(model, tokenizer, tmp_path_factory.mktemp("sam3"))


@pytest.fixture(scope="session")
def sam3_lite(tokenizer, tmp_path_factory) -> Path:
    text = {"projection_dim": 32, "max_position_embeddings": 32, **text_config(tokenizer)}
    config = transformers.Sam3LiteTextConfig(**sam3_parts({**text, "layer_scale_init_value": 0.5}))
    return save_sam3(transformers.Sam3LiteTextModel(config), tokenizer, tmp_path_factory.mktemp("lite"))


def sam3_parts(text: dict[str, Any]) -> dict[str, Any]:
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
    return {
        "vision_config": {
            "model_type": "sam3_vision_model",
            "backbone_config": vit,
            "fpn_hidden_size": 32,
            "backbone_feature_sizes": [[16, 16], [8, 8], [4, 4]],
        },
        "text_config": text,
        "geometry_encoder_config": small,
        "detr_encoder_config": small,
        "detr_decoder_config": {**small, "num_queries": 5},
        "mask_decoder_config": {"hidden_size": 32, "num_attention_heads": 4},
    }


def save_sam3(model: transformers.PreTrainedModel, tokenizer: Any, folder: Path) -> Path:
    randomise(model, std=0.3).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    images = {"size": {"height": 56, "width": 56}, "image_mean": [0.5] * 3, "image_std": [0.5] * 3}
    (folder / "processor_config.json").write_text(json.dumps({"image_processor": images}))
    return folder
