"""What is lost and left when commands are killed: `python -m benchmarks.kills [KILLS [SEED [COMMAND ...]]]`.

Every command that writes is killed (SIGKILL) at random moments, then the next command is given, as a user would:
the same one, or `hilum train --resume`. Then what it makes has to be the same as where nobody disturbed it, and
nothing may be left: no partial file or folder, no lock, no process, nothing in a list that is no run. 100 kills
take some ten minutes on two cores. The table goes into docs/reliability.md, but for kills of some commands alone.
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
import random
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.processes import session, start, wait

# Read when torch is imported: two runs agree to the bit on one machine with one number of threads.
os.environ.setdefault("OMP_NUM_THREADS", "1")

PAGE = Path(__file__).parents[1] / "docs" / "reliability.md"
BEGIN, END = "<!-- kills -->\n", "<!-- end of kills -->\n"
RECIPE = """name = "r"
[split]
by = "patient"
valid = 0.25
[model]
name = "densenet-small"
[prepare]
size = 32
[train]
epochs = 3
batch = 8
device = "cpu"
checkpoint_minutes = 0.001
[scores]
replicates = 200
"""
SILENT = ("recipes", "settings", "doctor", "sources", "models", "runs", "check")
"""Commands that write nothing."""
MADE_OF = {"demo": ("phantom", "doctor", "pack", "train", "evaluate")}
"""Commands that are others in turn."""


@dataclass(frozen=True)
class Case:
    """A command that is killed.

    Attributes:
        command: its words; `{ref}` is the folder of undisturbed results, `{out}` a new one.
        result: what it makes, relative to `{out}`; `*` for a number.
        same: of a result, what must be as undisturbed commands make it.
        copies: what of `{ref}` it writes into, copied to `{out}` before.
        promise: what stays, in words.
    """

    command: tuple[str, ...]
    result: str
    same: Callable[[Path], object]
    copies: tuple[str, ...] = ()
    promise: str = "nothing half-made is left; the same command makes it"


def tensors(run: Path) -> str:
    """sha256 of a run's best weights, without the header, which holds times."""
    data = (run / "checkpoints" / "best.safetensors").read_bytes()
    return hashlib.sha256(data[8 + int.from_bytes(data[:8], "little") :]).hexdigest()


def tree(*names: str) -> Callable[[Path], object]:
    """sha256 of files of a folder by name; of all files where none is named."""

    def found(root: Path) -> object:
        files = [root] if root.is_file() else sorted(path for path in root.rglob("*") if path.is_file())
        chosen = [path for path in files if not names or path.name in names]
        return {str(path.relative_to(root)): hashlib.sha256(path.read_bytes()).hexdigest() for path in chosen}

    return found


def run_of(root: Path) -> object:
    """Weights, predictions and scores of a run."""
    weights = tensors(root) if (root / "checkpoints").exists() else ""
    return weights, tree("valid.parquet", "test.parquet")(root / "predictions"), tree()(root / "scores")


def vectors(root: Path) -> object:
    """Ids and vectors of a store."""
    import numpy as np

    from hilum.features import FeatureStore

    found = FeatureStore(root).features()
    return found.frame["image_id"].to_list(), hashlib.sha256(
        np.stack([found.avg, found.max]).tobytes()
    ).hexdigest()


PACKED = tree("pixels.npy", "table.parquet", "stats.parquet", "excluded.parquet", "copies.parquet")
HEADS = (
    "--kind",
    "logistic",
    "--pooling",
    "avg",
    "--device",
    "cpu",
    "--name",
    "h",
    "--recipe",
    "{ref}/recipe.toml",
)
CASES = {
    "phantom": Case(
        ("phantom", "--out", "{out}/study", "--patients", "48", "--layout", "pneumonia", "--size", "96"),
        "study",
        tree(),
    ),
    "pack": Case(
        ("pack", "pneumonia", "{ref}/study", "--out", "{out}/pack", "--size", "32"),
        "pack",
        PACKED,
        promise="prepared images are kept; the same command goes on",
    ),
    "augment": Case(
        ("augment", "{ref}/pack", "--out", "{out}/copies", "--copies", "30"),
        "copies",
        PACKED,
        promise="finished copies are kept; the same command goes on",
    ),
    "data-report": Case(("data-report", "{out}/pack"), "pack", PACKED, ("pack",), "the pack is untouched"),
    "arrange": Case(
        ("arrange", "pneumonia", "{ref}/study", "--out", "{out}/tree"),
        "tree",
        tree(),
        promise="whole copies are kept; the same command goes on",
    ),
    "train": Case(
        ("train", "{ref}/recipe.toml", "--data", "{ref}/pack", "--out", "{out}/runs", "--quiet"),
        "runs/r-1",
        run_of,
        promise="all but the last steps is kept; --resume ends with the same weights, to the bit",
    ),
    "reproduce": Case(
        ("reproduce", "{ref}/runs/r-1", "--out", "{out}/runs", "--quiet"),
        "runs/r-again-1",
        run_of,
        promise="as train",
    ),
    "evaluate": Case(
        ("evaluate", "{out}/runs/r-1", "--again", "--device", "cpu"),
        "runs/r-1",
        run_of,
        ("runs/r-1",),
        "the run stays whole; the same command ends it",
    ),
    "predict": Case(
        ("predict", "{ref}/runs/r-1", "{ref}/pack", "--out", "{out}/predictions.csv", "--device", "cpu"),
        "predictions.csv",
        tree(),
    ),
    "report": Case(("report", "{out}/runs/r-1"), "runs/r-1", run_of, ("runs/r-1",), "the run stays whole"),
    "ensemble": Case(
        ("ensemble", "{ref}/runs/r-1", "{ref}/runs/r-2", "--out", "{out}/runs/mean", "--device", "cpu"),
        "runs/mean",
        run_of,
    ),
    "compare": Case(
        ("compare", "{ref}/runs/r-1", "{ref}/runs/r-2", "--out", "{out}/compared", "--part", "valid"),
        "compared",
        tree("compare.json"),
    ),
    "embed": Case(
        ("embed", "{ref}/runs/r-1", "--data", "{ref}/pack", "--out", "{out}/store", "--device", "cpu"),
        "store",
        vectors,
        promise="all but the last 10 s of vectors is kept; the same command goes on",
    ),
    "heads": Case(("heads", "{ref}/store", "--out", "{out}/heads", *HEADS), "heads/h-1", run_of),
    "noise": Case(
        ("noise", "{ref}/store", "--out", "{out}/suspects", "--device", "cpu"),
        "suspects",
        tree("suspects.csv"),
    ),
    "similar": Case(
        ("similar", "{ref}/store", "{image}", "--out", "{out}/similar.html", "--device", "cpu"),
        "similar.html",
        tree(),
    ),
}


@dataclass
class Tally:
    """What came of the kills of one command."""

    kills: int = 0
    lost: int = 0
    left: int = 0


class Bench:
    """Undisturbed results, and kills of the commands that make them."""

    def __init__(self, folder: Path, seed: int, names: Sequence[str]) -> None:
        """Make what these commands make and need once, undisturbed, and note how long each command takes."""
        self.ref, self.out = folder / "ref", folder / "out"
        self.ref.mkdir(parents=True)
        (self.ref / "recipe.toml").write_text(RECIPE)
        self.random, self.seconds, self.truth = random.Random(seed), dict[str, float](), dict[str, object]()
        self.image = ""
        last = max(map([*CASES].index, names))  # each needs some of those before it
        for name, case in [*CASES.items()][: last + 1]:
            self._undisturbed(name, case)
            if name == "train":
                self._run([*self._words(case, self.ref), "--set", "seed=1"])
            if name == "pack":
                films = (path.relative_to(self.ref / "study") for path in self.ref.glob("study/**/*.jpeg"))
                self.image = str(min(films).with_suffix(""))
        self.before = tree()(self.ref)

    def _undisturbed(self, name: str, case: Case) -> None:
        started = time.monotonic()
        self._run(self._words(case, self.ref))
        self.seconds[name] = time.monotonic() - started
        self.truth[name] = self._asked(case.same, self.ref / case.result)

    def _words(self, case: Case, out: Path) -> list[str]:
        return [word.format(ref=self.ref, out=out, image=self.image) for word in case.command]

    def _run(self, words: Sequence[str]) -> None:
        code, said = wait(start(words, self.out.parent))
        if code:
            raise RuntimeError(f"hilum {' '.join(words)}: exit {code}\n{said}")

    def _asked(self, ask: Callable[[Path], object], path: Path) -> object:
        """What a question has for an answer, asked in a process of its own: some libraries do not fork well."""
        answer = self.out.parent / "answer.json"
        code, said = wait(start(lambda: answer.write_text(json.dumps(ask(path))), self.out.parent))
        return json.loads(answer.read_text()) if code == 0 else f"cannot be read: {said}"

    def kill(self, name: str) -> tuple[str, str] | None:
        """Kill a command once, give the next one, and look.

        Returns:
            What is lost and what is left, empty where nothing is; None where the command was too fast.
        """
        case = CASES[name]
        shutil.rmtree(self.out, ignore_errors=True)
        self.out.mkdir()
        for copied in case.copies:
            shutil.copytree(self.ref / copied, self.out / copied)
        words = self._words(case, self.out)
        process = start(words, self.out.parent)
        time.sleep(self.random.uniform(0, self.seconds[name]))
        if os.waitpid(process, os.WNOHANG)[0]:
            return None
        os.kill(process, signal.SIGKILL)
        os.waitpid(process, 0)
        code, said = wait(start(self._next(name, case, words), self.out.parent))
        lost = f"exit {code}: {said}" if code else ""
        if not lost and self._asked(case.same, self.out / case.result) != self.truth[name]:
            lost = f"{case.result} is another"
        return lost, self._left(process, case)

    def _next(self, name: str, case: Case, words: list[str]) -> list[str]:
        """What a user types after a kill: the same command, where that is not told to go on in another way."""
        if name in ("train", "reproduce") and (begun := [*self.out.glob("runs/r*/run.json")]):
            return ["train", "--resume", str(begun[0].parent), "--quiet"]
        if name in ("ensemble", "heads") and (self.out / case.result / "run.json").exists():
            return ["report", str(self.out / case.result)]  # the run is whole: its page was being made
        return words

    def _left(self, process: int, case: Case) -> str:
        found = [str(path.relative_to(self.out)) for path in self.out.rglob("*") if is_leftover(path)]
        parent = (self.out / case.result).parent
        runs = (
            {path.name for path in parent.iterdir()}
            if (self.out / case.result / "run.json").exists()
            else set()
        )
        found += sorted(runs - {Path(case.result).name, "best"})
        return ", ".join(found + [f"process {pid}" for pid in session(process)])


def is_leftover(path: Path) -> bool:
    """Whether a file or folder is what only a running command has."""
    return path.name.endswith((".partial", ".hilum-lock")) or path.name == "journal.jsonl"


def kills(count: int, seed: int, folder: Path, names: Sequence[str]) -> dict[str, Tally]:
    """Kill commands in turn, so many times in all."""
    import cv2
    import torch

    import hilum.api

    del hilum.api
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    os.chdir(folder)
    bench = Bench(folder, seed, names)
    tallies = {name: Tally() for name in names}
    for number in range(count):
        name = names[number % len(names)]
        while (found := bench.kill(name)) is None:
            pass
        lost, left = found
        tally = tallies[name]
        tally.kills, tally.lost, tally.left = (
            tally.kills + 1,
            tally.lost + bool(lost),
            tally.left + bool(left),
        )
        trouble = "; ".join(filter(None, (lost and f"LOST {lost}", left and f"LEFT {left}")))
        print(
            f"{number + 1} of {count}: {name} {trouble or 'nothing lost, nothing left'}",
            file=sys.stderr,
            flush=True,
        )
    if tree()(bench.ref) != bench.before:
        raise RuntimeError("a command has changed what it should only read")
    return tallies


def table(tallies: dict[str, Tally]) -> str:
    """The table of the page."""
    lines = [
        "| command | after a kill | kills | lost | left after the next command |",
        "|---|---|---|---|---|",
    ]
    for name, tally in tallies.items():
        lines.append(f"| {name} | {CASES[name].promise} | {tally.kills} | {tally.lost} | {tally.left} |")
    whole = [
        sum(values) for values in zip(*((t.kills, t.lost, t.left) for t in tallies.values()), strict=True)
    ]
    lines.append(f"| all | | {whole[0]} | {whole[1]} | {whole[2]} |")
    machine = f"{len(os.sched_getaffinity(0))} cores, {platform.system()} {platform.machine()}, no GPU"
    return "\n".join([*lines, "", f"{machine}; Python {platform.python_version()}, torch on one thread.", ""])


def main(arguments: Sequence[str]) -> int:
    """Kill, print the table, and write it into the page."""
    count, seed = (
        int(arguments[at]) if len(arguments) > at else default for at, default in ((0, 100), (1, 0))
    )
    with tempfile.TemporaryDirectory() as folder:
        tallies = kills(count, seed, Path(folder).resolve(), arguments[2:] or tuple(CASES))
        os.chdir("/")
    found = table(tallies)
    print(found)
    if len(arguments) < 3:
        before, _, rest = PAGE.read_text().partition(BEGIN)
        PAGE.write_text(f"{before}{BEGIN}{found}{END}{rest.partition(END)[2]}")
    return 1 if any(tally.lost or tally.left for tally in tallies.values()) else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
