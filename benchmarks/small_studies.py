"""The three small studies that `same_numbers` runs, their commands in order, and how these are called."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

REAL = Path(os.environ.get("HILUM_REAL_DATA", Path(__file__).parents[2] / "shared" / "data"))
"""Where the real data lie, as for the tests."""
DRIVER = """
import json, os, sys, traceback
from hilum.cli import main
reply = os.fdopen(os.dup(1), "w")
for line in sys.stdin:
    printed = os.open(sys.argv[1], os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    os.dup2(printed, 1)
    os.close(printed)
    try:
        code = main(json.loads(line))
    except BaseException:
        code = 70
        traceback.print_exc()
    sys.stdout.flush()
    print(code, file=reply, flush=True)
"""
"""Takes commands as lines of JSON and answers with their exit codes: one import of torch for all."""
SPELLINGS = {
    "--out": ("--out", "--store", ""),
    "--finding": ("--finding", "--findings"),
    "--part": ("--part", "--split"),
    "--top": ("--top", "--k", "--n"),
}
"""An option as it is written here -> how versions of hilum spell it; "" is a value that is given by its place."""


@dataclass(frozen=True)
class Study:
    """What is drawn or read, how its runs are trained, and which of its files are predicted."""

    source: str
    root: str
    recipe: str
    findings: tuple[str, ...]
    settings: tuple[str, ...]
    other: str
    """The setting in which a second recipe differs."""
    files: str
    per: tuple[str, ...] = ("--per", "patient")
    """How its units are told, where patients have several images."""
    clean: tuple[str, ...] = ()
    heads: tuple[str, ...] = ("--set", "split.test=0.3", "--set", "split.keep_official=false")


STUDIES = {
    "phantom": Study(
        "chexpert",
        "study",
        "phantom-resnet18",
        ("Cardiomegaly", "Edema", "Pneumothorax", "Pleural Effusion"),
        ("split.test=0.3", "scores.calibrate=temperature"),
        "model.pooling=max",
        "valid/*/*/*.jpg",
    ),
    "pneumonia-224": Study(
        "pneumonia",
        str(REAL / "pneumonia-224"),
        "pneumonia-resnet18",
        ("Pneumonia",),
        (
            "split.keep_official=false",
            "split.valid=0.25",
            "split.test=0.4",
            "scores.calibrate=platt",
            "scores.intervals=percentile",
            "scores.replicates=400",
        ),
        "loss.kind=focal",
        "test/*/*0.jpeg",
        clean=("--set", 'clean.parts=["test"]'),
    ),
    "nih-320": Study(
        "nih",
        str(REAL / "nih-320"),
        "nih-resnet18-14-findings",
        ("Atelectasis", "Cardiomegaly", "Effusion", "Infiltration"),
        ("scores.calibrate=isotonic", "scores.threshold=f1"),
        "optimizer.kind=sgd",
        "images/*0_000.*",
        per=(),
        heads=(),
    ),
}


Steps = Iterator[tuple[str, list[str]]]
"""Name and arguments of each command."""
RUNS = ("runs/seeds-1", "runs/seeds-2", "runs/other-1")


def steps(study: Study, folder: Path) -> Steps:
    """All commands in order; what later ones name is there by then."""
    yield from _prepared(study)
    yield from _trained(study)
    yield from _scored(study)
    files = [str(path) for path in sorted((folder / study.root).glob(study.files))[:12]]
    yield "predict", ["predict", RUNS[0], *files, "--json"]
    yield from _embedded(study, files[0])


def _prepared(study: Study) -> Steps:
    data = [study.source, study.root]
    if study.source == "chexpert":
        drawn = "--patients 200 --size 64 --seed 3 --leak 2 --duplicates 2 --flip-labels 0.05"
        yield "phantom", ["phantom", "--out", study.root, *drawn.split()]
    yield "doctor", ["doctor", *data, *study.clean, "--json"]
    yield "pack", ["pack", *data, "--out", "pack", "--size", "32", *study.clean, "--json"]
    yield "data-report", ["data-report", "pack", "--json"]


def _trained(study: Study) -> Steps:
    findings = f"data.findings={json.dumps(study.findings)}"
    chosen = ("prepare.size=32", "train.epochs=2", "train.precision=fp32", findings, *study.settings)
    train = ["train", study.recipe, "--data", "pack", "--json", "--quiet"]
    train += [word for setting in chosen for word in ("--set", setting)]
    yield "train/seeds", [*train, "--repeats", "2", "--set", "name=seeds"]
    yield "train/other", [*train, "--set", "name=other", "--set", study.other]
    yield "ensemble", ["ensemble", *RUNS[:2], "--out", "runs/both", "--json"]


def _scored(study: Study) -> Steps:
    for run in RUNS:
        yield f"evaluate/{run}", ["evaluate", run, "--part", "test", "--json"]
    yield "evaluate/valid", ["evaluate", "runs/both", "--part", "valid", "--json"]
    yield "evaluate/text", ["evaluate", "runs/both", "--part", "test", "--all"]
    if study.per:
        yield "evaluate/patients", ["evaluate", RUNS[0], *study.per, "--part", "test", "--json"]
    yield "runs", ["runs", "--json"]
    yield "runs/show", ["runs", "show", RUNS[0], "--json"]
    yield "compare", ["compare", *RUNS, "--json"]
    yield "compare/text", ["compare", *RUNS, "--by", "recall"]


def _embedded(study: Study, image: str) -> Steps:
    finding = ["--finding", study.findings[0]]
    two = [word for name in study.findings[:2] for word in ("--finding", name)]
    search = ["--kind", "logistic", "--kind", "knn", "--pooling", "avg", "--folds", "2", "--name", "head"]
    yield "embed", ["embed", RUNS[0], "--data", "pack", "--out", "store", "--precision", "fp32", "--json"]
    yield "similar", ["similar", "store", image, "--top", "5", "--json"]
    yield "heads", ["heads", "store", *two, *search, *study.heads, "--json"]
    yield "heads/evaluate", ["evaluate", "heads/head-1", "--part", "test", "--json"]
    yield "noise", ["noise", "store", *finding, "--test", "--folds", "3", "--repeats", "2", "--json"]


class Hilum:
    """Commands of one source tree, one after another in one process, options spelt as its help does."""

    def __init__(self, src: Path, folder: Path) -> None:
        settings = {"OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": "", "COLUMNS": "200"}
        places = {"PYTHONPATH": str(src.resolve()), "HILUM_CACHE": str(folder / "cache")}
        self.printed, self.words = folder / "printed", dict[str, frozenset[str]]()
        self.process = subprocess.Popen(
            [sys.executable, "-c", DRIVER, self.printed],
            cwd=folder,
            env=os.environ | settings | places,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def run(self, arguments: list[str]) -> tuple[int, str]:
        """Exit code and standard output of a command."""
        assert self.process.stdin
        assert self.process.stdout
        self.process.stdin.write(json.dumps(arguments) + "\n")
        self.process.stdin.flush()
        return int(self.process.stdout.readline()), self.printed.read_text()

    def spelt(self, arguments: list[str]) -> list[str]:
        """The arguments with the options of `SPELLINGS` as this version has them."""
        command, spelt = arguments[0], []
        if command not in self.words:
            self.words[command] = frozenset(re.findall(r"--[a-z][a-z-]*", self.run([command, "--help"])[1]))
        for argument in arguments:
            known = [of for of in SPELLINGS.get(argument, ()) if of in self.words[command] or not of]
            spelt += [word for word in (known or [argument])[:1] if word]
        return spelt

    def close(self) -> None:
        """End the process."""
        self.process.communicate()
