"""The reference loader: a Dataset of files through PIL and torchvision transforms, in a DataLoader."""

from __future__ import annotations

from pathlib import Path

import torch
from PIL import Image
from torch import Tensor
from torch.utils.data import DataLoader, Dataset
from torchvision import transforms


class Files(Dataset[tuple[Tensor, Tensor]]):
    """Gray images from files, a share of them augmented, as the 2020 framework's readme describes."""

    def __init__(self, files: list[Path], size: int, share: float, findings: int) -> None:
        self.files = files
        self.targets = torch.randint(0, 2, (len(files), findings)).float()
        change = [transforms.RandomAffine(5, (0.05, 0.05), shear=5), transforms.ColorJitter(0.2, 0.1)]
        self.transform = transforms.Compose(
            [
                transforms.Resize((size, size)),
                transforms.RandomApply(change, share) if share else transforms.Lambda(_same),
                transforms.ToTensor(),
                transforms.Normalize([0.5064167], [0.16673872]),
            ]
        )

    def __len__(self) -> int:
        return len(self.files)

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        image = Image.open(self.files[index]).convert("L")
        return self.transform(image), self.targets[index]


def reference_loader(
    files: list[Path], size: int, batch: int, share: float, findings: int = 1, workers: int = 4
) -> DataLoader[tuple[Tensor, Tensor]]:
    """Shuffled batches from `workers` processes that are kept between epochs."""
    data = Files(files, size, share, findings)
    return DataLoader(data, batch, shuffle=True, num_workers=workers, persistent_workers=workers > 0)


def _same(image: Image.Image) -> Image.Image:
    return image
