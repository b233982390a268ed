"""Chat models for images and text, small enough for a test, with random weights, as a hub would have them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
import transformers
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import PreTrainedModel, PreTrainedTokenizerFast

TEMPLATE = (
    "{% for m in messages %}<start>{{ m['role'] }}\n"
    "{% for c in m['content'] %}"
    "{% if c['type'] == 'image' %}IMAGE{% else %}{{ c['text'] }}{% endif %}"
    "{% endfor %}"
    "<end>\n{% endfor %}{% if add_generation_prompt %}<start>assistant\n{% endif %}"
)
PAD, END = 0, 2


def save_qwen(folder: Path) -> Path:
    """Qwen2-VL."""
    image = "<|vision_start|><|image_pad|><|vision_end|>"
    names = ["<|vision_start|>", "<|vision_end|>", "<|image_pad|>", "<|video_pad|>"]
    tokenizer = save_tokenizer(folder, names, image)
    start, end, pad, video = (tokenizer.get_vocab()[name] for name in names)
    pictures = transformers.models.qwen2_vl.Qwen2VLImageProcessorPil(min_pixels=28**2, max_pixels=112**2)
    pictures.save_pretrained(folder)
    text = dict(small(tokenizer), rope_parameters={"rope_type": "default", "mrope_section": [2, 3, 3]})
    vision = {"depth": 1, "embed_dim": 32, "hidden_size": 32, "num_heads": 2, "mlp_ratio": 2}
    config = transformers.Qwen2VLConfig(
        text_config=text,
        vision_config=vision,
        vision_start_token_id=start,
        vision_end_token_id=end,
        image_token_id=pad,
        video_token_id=video,
    )
    return save_model(transformers.Qwen2VLForConditionalGeneration(config), folder)


def save_idefics(folder: Path) -> Path:
    """Idefics3, what SmolVLM is built on."""
    names = ["<image>", "<fake_token_around_image>", "<global-img>", "<end_of_utterance>"]
    rows = [f"<row_{i}_col_{j}>" for i in range(1, 7) for j in range(1, 7)]
    tokenizer = save_tokenizer(folder, names + rows, "<image>")
    processor = transformers.Idefics3Processor(
        transformers.models.idefics3.Idefics3ImageProcessorPil(
            size={"longest_edge": 56}, max_image_size={"longest_edge": 28}, do_image_splitting=False
        ),
        tokenizer,
        image_seq_len=1,
        chat_template=tokenizer.chat_template,
    )
    processor.save_pretrained(folder)
    vision = {"hidden_size": 32, "intermediate_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2}
    config = transformers.Idefics3Config(
        text_config=dict(small(tokenizer), model_type="llama"),
        vision_config=dict(vision, image_size=28, patch_size=14),
        image_token_id=tokenizer.get_vocab()["<image>"],
        scale_factor=2,
    )
    return save_model(transformers.Idefics3ForConditionalGeneration(config), folder)


def save_tokenizer(folder: Path, names: list[str], image: str) -> PreTrainedTokenizerFast:
    """One token per byte, after the special ones."""
    special = ["<pad>", "<start>", "<end>", *names]
    tokens = [*special, *sorted(pre_tokenizers.ByteLevel.alphabet())]
    parts = Tokenizer(models.BPE(vocab={token: number for number, token in enumerate(tokens)}, merges=[]))
    parts.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    parts.decoder = decoders.ByteLevel()
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=parts, pad_token="<pad>", eos_token="<end>", additional_special_tokens=special[1:]
    )
    tokenizer.chat_template = TEMPLATE.replace("IMAGE", image)
    tokenizer.save_pretrained(folder)
    return tokenizer


def small(tokenizer: PreTrainedTokenizerFast) -> dict[str, Any]:
    sizes = {"hidden_size": 32, "intermediate_size": 32, "num_hidden_layers": 2}
    heads = {"num_attention_heads": 2, "num_key_value_heads": 1}
    tokens = {"vocab_size": len(tokenizer), "pad_token_id": PAD, "bos_token_id": 1, "eos_token_id": END}
    return {**sizes, **heads, **tokens}


def save_model(model: PreTrainedModel, folder: Path) -> Path:
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if parameter.dim() > 1 or not name.endswith("weight"):  # leaves normalisations alone
                parameter.normal_(0, 0.3, generator=generator)
    model.generation_config.eos_token_id, model.generation_config.pad_token_id = END, PAD
    model.save_pretrained(folder)
    return folder
