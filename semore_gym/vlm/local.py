"""A chat model on this machine, by transformers."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Sequence
from importlib import import_module
from importlib.util import find_spec
from typing import Any, Literal, get_args

import torch

from semore_gym.vlm.base import Picture, check_positive, enlarged
from semore_gym.vlm.pretrained import Pretrained, need_transformers, torch_device, torch_dtype
from semore_gym.vlm.thoughts import leaves_a_thought_open, without_thoughts

Quantization = Literal["4bit", "8bit"]


class LocalChat:
    """Any chat model for images and text that transformers has: Qwen2-VL, Qwen2.5-VL, Qwen3-VL, Idefics3, ...

    Decodes greedily, so that the same question gets the same answer. Code that comes with weights is not run.

    Args:
        model: A hub's name or a folder.
        revision: A branch, tag or commit of it; None means the newest.
        local_files_only: Whether to look only at what was downloaded before.
        device: Where the model runs; `"auto"` is the GPU where there is one.
        device_map: Instead of `device`, how accelerate spreads the model over devices, for example `"auto"`.
        dtype: What it computes in: `"float32"`, `"bfloat16"` or `"float16"`.
        quantization: `"4bit"` or `"8bit"` weights by bitsandbytes; None leaves them as they are.
        batch_size: Most questions at once.
        max_new_tokens: Longest answer, thoughts of a thinking model and all [tokens].
        enlarge: Whole factor by which pictures are enlarged first, see `enlarged`.

    Raises:
        ModuleNotFoundError: If transformers, or bitsandbytes where it is needed, is missing.
        FileNotFoundError: If the weights are not there; the message says how to get them.
        ValueError: If an argument is out of range.
    """

    def __init__(
        self,
        model: str = "Qwen/Qwen2-VL-7B-Instruct",
        *,
        revision: str | None = None,
        local_files_only: bool = False,
        device: str = "auto",
        device_map: str | dict[str, Any] | None = None,
        dtype: str = "bfloat16",
        quantization: Quantization | None = None,
        batch_size: int = 8,
        max_new_tokens: int = 96,
        enlarge: int = 4,
    ) -> None:
        check_positive(batch_size=batch_size, max_new_tokens=max_new_tokens, enlarge=enlarge)
        need_transformers()
        from transformers import AutoConfig, AutoModelForImageTextToText

        self.batch_size, self.max_new_tokens, self.enlarge = batch_size, max_new_tokens, enlarge
        files = Pretrained(
            str(model), revision, local_files_only, "16 GB for a model of 7 billion parameters"
        )
        settings: dict[str, Any] = {"dtype": torch_dtype(dtype), "trust_remote_code": False}
        if quantization is not None:
            settings["quantization_config"] = _bitsandbytes(quantization, torch_dtype(dtype))
        if device_map is not None or quantization is not None:
            settings["device_map"] = device_map or {"": str(torch_device(device))}
        config = files.load(AutoConfig, trust_remote_code=False)
        self._processor = files.load(_processor_class(config.model_type))
        self._processor.tokenizer.padding_side = "left"  # an answer goes on where its question ends
        self._model = files.load(AutoModelForImageTextToText, **settings).eval()
        if "device_map" not in settings:
            self._model.to(torch_device(device))
        self.identity = f"{files.version()} {dtype} {quantization} {max_new_tokens} x{enlarge}"
        self._tally: Counter[str] = Counter(asked=0, answered=0)
        self._seconds = 0.0

    def __call__(
        self, pictures: Sequence[Picture], prompts: Sequence[str], within: float | None = None
    ) -> list[str | None]:
        """Ask one question about each picture; `within` is ignored, since every question is answered."""
        began = time.perf_counter()
        answers: list[str | None] = []
        for start in range(0, len(prompts), self.batch_size):
            batch = slice(start, start + self.batch_size)
            answers += self._batch(pictures[batch], prompts[batch])
        self._seconds += time.perf_counter() - began
        self._tally.update(asked=len(prompts), answered=len(answers))
        return answers

    def counts(self) -> dict[str, float]:
        """`asked`, `answered`, `failed`, `retries` and `seconds` since this was made."""
        return {**self._tally, "failed": 0, "retries": 0, "seconds": self._seconds}

    @torch.inference_mode()
    def _batch(self, pictures: Sequence[Picture], prompts: Sequence[str]) -> list[str]:
        texts = [
            self._processor.apply_chat_template(_message(prompt), add_generation_prompt=True)
            for prompt in prompts
        ]
        images = [[enlarged(picture, self.enlarge)] for picture in pictures]
        inputs = self._processor(images=images, text=texts, padding=True, return_tensors="pt")
        inputs = inputs.to(self._model.device, dtype=self._model.dtype)
        tokens = self._model.generate(**inputs, max_new_tokens=self.max_new_tokens, do_sample=False)
        answers = tokens[:, inputs["input_ids"].shape[1] :]
        written = self._processor.tokenizer.batch_decode(answers)
        return [
            self._without_tokens(without_thoughts(answer, begun=leaves_a_thought_open(text)))
            for answer, text in zip(written, texts, strict=True)
        ]

    def _without_tokens(self, answer: str) -> str:
        # not before: the marks of a thought are special tokens of some models
        for token in self._processor.tokenizer.all_special_tokens:
            answer = answer.replace(token, "")
        return answer


def _message(prompt: str) -> list[dict[str, Any]]:
    return [{"role": "user", "content": [{"type": "image"}, {"type": "text", "text": prompt}]}]


def _processor_class(model_type: str) -> Any:
    """The class that prepares pictures and text for a kind of model, made to do without videos.

    A video processor needs torchvision, and no video is ever shown.

    Raises:
        ValueError: If the model is not one for images and text.
    """
    import transformers

    names: Any = import_module("transformers.models.auto.processing_auto").PROCESSOR_MAPPING_NAMES
    name = names.get(model_type)
    if name is None:
        raise ValueError(f"model must be a chat model for images and text, got one of type {model_type!r}")
    kind: Any = getattr(transformers, name)
    if "video_processor" not in kind.get_attributes():
        return kind

    class Stills(kind):  # type: ignore[misc]
        """Takes no video: transformers reads the parts that a processor has from these arguments."""

        def __init__(
            self, image_processor: Any = None, tokenizer: Any = None, chat_template: Any = None, **rest: Any
        ) -> None:
            super().__init__(image_processor, tokenizer, None, chat_template=chat_template, **rest)

    Stills.__name__ = kind.__name__
    return Stills


def _bitsandbytes(quantization: Quantization, dtype: torch.dtype) -> Any:
    """What tells transformers to load weights of 4 or 8 bits."""
    if quantization not in get_args(Quantization):
        raise ValueError(f"quantization must be None, '4bit' or '8bit', got {quantization!r}")
    if find_spec("bitsandbytes") is None:
        raise ModuleNotFoundError(
            f"quantization={quantization!r} needs bitsandbytes: pip install bitsandbytes", name="bitsandbytes"
        )
    from transformers import BitsAndBytesConfig

    config: Any = BitsAndBytesConfig
    if quantization == "8bit":
        return config(load_in_8bit=True)
    return config(load_in_4bit=True, bnb_4bit_compute_dtype=dtype)
