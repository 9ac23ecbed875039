"""How fast networks may compute."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from importlib.util import find_spec
from typing import Any, TypeVar, cast

import torch
from torch import nn

Network = TypeVar("Network", bound=nn.Module)


def mixed_precision(device: torch.device) -> torch.autocast:
    """Products in bfloat16 where the processor has instructions for them; weights stay float32."""
    if device.type == "cuda":
        fast = torch.cuda.is_bf16_supported()
    else:
        able = torch.cpu.get_capabilities() if device.type == "cpu" else {}
        fast = bool(able.get("avx512_bf16") or able.get("amx_bf16"))
    return torch.autocast(device.type, torch.bfloat16, enabled=fast)


def compile_network(network: Network, device: torch.device) -> Network:
    """The same network, compiled where that pays: on CUDA, where kernels are many and small.

    On a CPU compilation takes longer than it saves, and asks for a C++ compiler.
    """
    if device.type == "cuda" and find_spec("triton") is not None:
        return cast(Network, torch.compile(network))
    return network


def run_in_threads(
    work: Callable[..., None], tasks: list[tuple[Any, ...]], device: torch.device
) -> None:
    """Call `work` for each task: on a CPU in as many threads as torch has, each on its own.

    Half of sampling is not torch's, and would leave all but one core idle. Each task is computed by
    one thread, however many there are, so that results are the same to the bit.
    """
    n_threads = torch.get_num_threads() if device.type == "cpu" else 1
    if n_threads == 1:
        for task in tasks:
            work(*task)
        return
    pool = ThreadPoolExecutor(n_threads, initializer=torch.set_num_threads, initargs=(1,))
    try:
        for done in [pool.submit(work, *task) for task in tasks]:
            done.result()
    finally:  # also after Ctrl-C, which must not wait for all the tasks that are left
        pool.shutdown(cancel_futures=True)
        torch.set_num_threads(n_threads)
