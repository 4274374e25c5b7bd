"""The processes of one run: one by default, several under torchrun."""

from __future__ import annotations

import os
from dataclasses import dataclass

import torch
import torch.distributed as dist
from torch import Tensor, nn


@dataclass(frozen=True)
class Processes:
    """Which process this is (`rank`) of how many (`size`), and where its tensors live."""

    device: torch.device
    rank: int = 0
    size: int = 1

    @classmethod
    def join(cls, device: torch.device) -> Processes:
        """Join the processes that torchrun started, or be alone."""
        if int(os.environ.get("WORLD_SIZE", "1")) == 1:
            return cls(device)
        if str(device) == "cuda":
            device = torch.device("cuda", int(os.environ["LOCAL_RANK"]))
            torch.cuda.set_device(device)
        if not dist.is_initialized():
            dist.init_process_group("nccl" if device.type == "cuda" else "gloo")
        return cls(device, dist.get_rank(), dist.get_world_size())

    @property
    def leads(self) -> bool:
        """Whether this process writes files and talks to the user."""
        return self.rank == 0

    def wrap(self, model: nn.Module) -> nn.Module:
        """The model with its gradients averaged over processes."""
        if self.size == 1:
            return model
        ids = [self.device.index] if self.device.type == "cuda" else None
        return nn.parallel.DistributedDataParallel(model, device_ids=ids)

    def gather(self, rows: Tensor) -> Tensor:
        """All processes' rows [n, ...], one process's after another's; the same on each.

        Processes may bring unequal numbers of rows: they are padded for the way and cut on arrival.
        """
        if self.size == 1:
            return rows
        rows = rows.to(self.device)
        counts = [torch.zeros(1, dtype=torch.int64, device=self.device) for _ in range(self.size)]
        dist.all_gather(counts, torch.tensor([len(rows)], device=self.device))
        longest = int(torch.stack(counts).max())
        padded = rows.new_zeros((longest, *rows.shape[1:]))
        padded[: len(rows)] = rows
        parts = [torch.empty_like(padded) for _ in range(self.size)]
        dist.all_gather(parts, padded)
        return torch.cat([part[: int(count)] for part, count in zip(parts, counts, strict=True)])

    def sum(self, counts: Tensor) -> Tensor:
        """The sum of all processes' tensors of one shape; the same on each."""
        if self.size > 1:
            counts = counts.clone()
            dist.all_reduce(counts)
        return counts

    def share_buffers(self, model: nn.Module) -> None:
        """Give every process the first one's buffers, such as the statistics of batch norm."""
        if self.size > 1:
            for buffer in model.buffers():
                dist.broadcast(buffer, src=0)

    def any(self, asked: bool) -> bool:
        """Whether any process says yes; the same on each."""
        if self.size == 1:
            return asked
        flag = torch.tensor([int(asked)], device=self.device)
        dist.all_reduce(flag, op=dist.ReduceOp.MAX)
        return bool(flag)

    def share(self, text: str) -> str:
        """The first process's text, on every process."""
        if self.size == 1:
            return text
        texts = [text]
        dist.broadcast_object_list(texts, src=0, device=self.device)
        return texts[0]

    def wait(self) -> None:
        """Until all processes are here."""
        if self.size > 1:
            dist.barrier()

    def leave(self) -> None:
        """End the communication."""
        if self.size > 1:
            dist.destroy_process_group()
