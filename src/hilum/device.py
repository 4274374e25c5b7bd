"""Where a model runs and in which precision: the one place that knows about processors."""

from __future__ import annotations

import ctypes
import os
import platform
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager, nullcontext
from importlib.metadata import PackageNotFoundError, version
from threading import Barrier
from typing import Any

import torch

from hilum.cores import cores
from hilum.errors import ConfigError

_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3
"""Numbers of mallopt(3)."""

_PACKAGES = ("hilum", "torch", "torchvision", "timm", "numpy", "polars", "opencv-python-headless", "pydicom")


def pick_device(name: str) -> torch.device:
    """The device of a name; `auto` is the first CUDA device if there is one, else the CPU.

    Raises:
        ConfigError: the name is no device, or the device is not here.
    """
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise ConfigError(f"train.device = {name!r} is no device; use auto, cpu, cuda or cuda:1.") from error
    if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
        raise ConfigError(
            f"train.device = {name!r}, but this machine has {torch.cuda.device_count()} CUDA devices. "
            "Use auto or cpu."
        )
    return device


def has_bf16(device: torch.device) -> bool:
    """Whether the processor has bfloat16 matrix instructions (emulated bf16 is slower than fp32)."""
    if device.type == "cuda":
        return torch.cuda.get_device_capability(device) >= (8, 0)
    if device.type == "cpu" and hasattr(torch.cpu, "get_capabilities"):
        found = torch.cpu.get_capabilities()
        return bool(found.get("amx_bf16") or found.get("avx512_bf16"))
    return device.type == "cpu" and bool(torch.cpu._is_avx512_bf16_supported())


def precision_of(precision: str, device: torch.device) -> str:
    """`fp32` or `bf16`, with `auto` resolved for the device."""
    if precision == "auto":
        return "bf16" if has_bf16(device) else "fp32"
    return precision


def autocast(precision: str, device: torch.device) -> AbstractContextManager[Any]:
    """The context in which the forward pass runs."""
    if precision_of(precision, device) == "bf16":
        return torch.autocast(device.type, dtype=torch.bfloat16)
    return nullcontext()


def make_deterministic(wanted: bool) -> None:
    """Choose algorithms that give the same bits on every run, where there are such."""
    torch.backends.cudnn.benchmark = not wanted
    torch.backends.cudnn.deterministic = wanted
    torch.use_deterministic_algorithms(wanted, warn_only=True)
    # It fills all new memory with NaN, a twentieth of a step of ResNet18, to find reads that we do not do.
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]
    if wanted:
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")


def keep_freed_memory(device: torch.device) -> None:
    """On the CPU, let the C library keep what a step frees for the next step, instead of returning every page.

    Measured on 4 cores, ResNet18, 128 px, batch 32, bf16: 0.142 -> 0.125 s a step, with the same peak memory.
    Only glibc has these switches (mallopt(3)); elsewhere nothing happens.
    """
    if device.type != "cpu" or platform.libc_ver()[0] != "glibc":
        return
    library = ctypes.CDLL(None)
    library.mallopt(_MMAP_THRESHOLD, 2**30)
    library.mallopt(_TRIM_THRESHOLD, 2**31 - 1)


@contextmanager
def one_core_workers(count: int, name: str) -> Iterator[ThreadPoolExecutor]:
    """Threads of which each works on one core, and on one batch at a time.

    Torch would spread every operation over all cores and wait for the slowest, which on a busy machine is a turn
    of the scheduler each time. Measured on 4 cores beside other work, 320 px, 20 % augmented: 190 images/s when
    spread, 2,300 from two threads.
    """
    threads = torch.get_num_threads()
    ready = Barrier(count + 1, timeout=60)

    def start() -> None:
        # A thread takes over the common number when it first asks for it: ask before, or 1 does not last.
        torch.get_num_threads()
        torch.set_num_threads(1)
        ready.wait()

    with ThreadPoolExecutor(count, name, start) as workers:
        for _ in range(count):
            workers.submit(int)
        ready.wait()
        # That call was for its own thread and for those yet to come, which are not ours to set.
        torch.set_num_threads(threads)
        yield workers


def describe_environment(device: torch.device, precision: str) -> dict[str, Any]:
    """What a run's numbers depend on besides its settings; no host or user names."""
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else _processor()
    return {
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}",
        "device": f"{device}: {name}",
        "cores": cores(),
        "threads": torch.get_num_threads(),
        "precision": precision_of(precision, device),
        "packages": {package: found for package in _PACKAGES if (found := _version(package))},
    }


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _processor() -> str:
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as lines:  # noqa: PTH123
            return next(line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()


def other_conditions(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[str]:
    """In what two runs' environments differ that numbers depend on, in words: threads, processor, versions."""
    keys = ("threads", "precision", "device", "python")
    old, new = before.get("packages", {}), after.get("packages", {})
    pairs = {key: (before.get(key), after.get(key)) for key in keys}
    pairs |= {name: (old[name], new[name]) for name in sorted(old.keys() & new.keys())}
    return [f"{name} {was}, now {now}" for name, (was, now) in pairs.items() if was != now]


def leads() -> bool:
    """Whether this process, of several under torchrun, is the one that writes files and talks to the user."""
    return os.environ.get("RANK", "0") == "0"
