"""CPUs, threads and GPUs of this machine."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence

import torch

FREE_MEMORY = """
import torch
print(*(torch.cuda.mem_get_info(index)[0] for index in range(torch.cuda.device_count())))
"""


def cpus() -> int:
    """How many CPUs this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def set_threads(threads: int | None) -> int:
    """Tell torch how many CPU threads to compute with; None leaves its choice. Returns the number."""
    if threads is not None:
        torch.set_num_threads(threads)
    return torch.get_num_threads()


def check_device(device: str | torch.device, argument: str = "device") -> None:
    """Refuse a device that this machine lacks: SB3 would quietly take the CPU.

    Args:
        device: The device.
        argument: What the caller calls it.

    Raises:
        ValueError: If the device is not auto and torch cannot use it.
    """
    if device == "auto":
        return
    try:
        torch.empty(1, device=device)
    except (RuntimeError, AssertionError) as error:
        reason = str(error).splitlines()[0]
        raise ValueError(f"{argument} {str(device)!r} cannot be used: {reason}") from error


def thread_variables(threads: int) -> dict[str, str]:
    """Variables that say how many threads a process may compute with."""
    return dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"), str(threads))


def visible_gpus() -> list[str]:
    """What CUDA_VISIBLE_DEVICES calls the GPUs that this process may use."""
    names = os.environ.get("CUDA_VISIBLE_DEVICES", "").split(",")
    count = torch.cuda.device_count()
    return names[:count] if names != [""] else [str(index) for index in range(count)]


def free_gpu_memory() -> list[float]:
    """Free memory of each visible GPU [GB].

    Asked in a process of its own, since whoever asks keeps some hundred megabytes of each GPU.
    """
    said = subprocess.run([sys.executable, "-c", FREE_MEMORY], capture_output=True, text=True, check=True)
    return [int(free) / 1e9 for free in said.stdout.split()]


def packed(gpus: Sequence[str], free: Sequence[float], needed: float) -> list[str]:
    """Which GPU each of the runs is on that fit at the same time.

    Args:
        gpus: Names.
        free: Free memory of each [GB].
        needed: By one run [GB].

    Returns:
        Names, in turn as long as there is room: the first runs are spread over all GPUs.

    Raises:
        ValueError: If not even one run fits.

    Example:
        >>> from semore_gym.utils.devices import packed
        >>> packed(["0", "1"], [9.0, 25.0], 8.0)
        ['0', '1', '1', '1']
    """
    room = [int(memory // needed) for memory in free]
    if not any(room):
        there = ", ".join(f"{memory:.1f}" for memory in free) or "no GPU"
        raise ValueError(f"gpu_memory is {needed} GB a trial, but free are {there}")
    return [gpu for turn in range(max(room)) for gpu, runs in zip(gpus, room, strict=True) if turn < runs]
