"""Inputs tried in watched processes: one that hangs, dies or eats memory is recorded, and the rest goes on."""

from __future__ import annotations

import io
import multiprocessing
import os
import re
import resource
import shutil
import sys
import time
import traceback
import warnings
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, wait
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

from tests.fuzz.kinds import KINDS, Kind

from hilum.errors import HilumError

SECONDS = 60.0
"""What one input may take, with the imports of the first. A training of one epoch takes one."""
MEGABYTES = 1000
"""What memory may grow by at one input; the libraries that a first command loads are 680."""
GROWTH = 400
"""Megabytes that a process may grow by after the first quarter of its inputs."""
ROOM = 2500 << 20
"""Bytes that a process may have in all: beyond, an allocation fails instead of taking the machine down."""


class Finding(NamedTuple):
    """One input that was neither read right nor refused: what came instead, in one line."""

    kind: str
    seed: int
    what: str

    @property
    def sort(self) -> tuple[str, str]:
        """Findings of one sort have one cause: the same words but for numbers, names and paths."""
        what = re.sub(r"'[^']*'|\"[^\"]*\"|[0-9a-fA-F]*\d[0-9a-fA-F]*", "#", self.what)
        return self.kind, " ".join(what.split()[:5]) if what.startswith("prints") else what[:100]


@dataclass
class Report:
    """What came of all inputs.

    Attributes:
        inputs: how many were tried.
        findings: those that fell short.
        grown: megabytes by which a process grew between the first quarter of its inputs and the end.
    """

    inputs: int = 0
    findings: list[Finding] = field(default_factory=list)
    grown: float = 0.0


class Place:
    """A folder of healthy files, put back as it was after every input."""

    def __init__(self, healthy: Path, folder: Path) -> None:
        """Copy `healthy` to `folder`, where inputs are tried."""
        shutil.copytree(healthy, folder)
        self.folder = folder
        self.known = set(_all(folder))
        files = [path for path in self.known if path.is_file()]
        self.content = {path.relative_to(folder): path.read_bytes() for path in files}
        self.seen = {name: _stamp(folder / name) for name in self.content}

    def new(self) -> list[Path]:
        """Files and folders that were not there before."""
        return [path for path in _all(self.folder) if path not in self.known]

    def restore(self) -> None:
        """Remove what is new and write again what is changed."""
        for path in reversed(self.new()):
            path.rmdir() if path.is_dir() else path.unlink()
        for name, content in self.content.items():
            path = self.folder / name
            if _stamp(path) != self.seen[name]:
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(content)
                self.seen[name] = _stamp(path)


def tried(kind: Kind, seed: int, place: Place, *, keep: bool = False) -> str:
    """Mutate one file of the place, read it, put it back unless to `keep`; what was wrong, empty if nothing."""
    random = Random(f"{seed}")
    file = random.choice(sorted(name for name in place.content if kind.takes(name)))
    os.chdir(place.folder)
    place.seen[file] = None
    file.write_bytes(kind.mutated(place.content[file], random))
    spoken, before = io.StringIO(), sys.stderr
    try:
        with warnings.catch_warnings(record=True) as warned:
            warnings.simplefilter("always")
            sys.stderr = spoken
            try:
                kind.ask(file, random)
            except HilumError:
                pass
            except BaseException as error:  # panics of Rust and SystemExit are no Exceptions
                if keep:
                    traceback.print_exception(error, file=before)
                return _told(error)
            finally:
                sys.stderr = before
        if warned:
            return f"warns in {Path(warned[0].filename).name}: {_line(warned[0].message)}"
        strange = [
            line for line in spoken.getvalue().splitlines() if "Traceback" in line or "Warning:" in line
        ]
        if strange:
            return f"says: {_line(strange[0])}"
        # NAME.partial is a pack that may be gone on with; .NAME.partial is a write that was given up.
        left = [path.name for path in place.new() if path.match(".*.partial")]
        return f"leaves {left[0]}" if left else ""
    finally:
        if not keep:
            place.restore()


def _told(error: BaseException) -> str:
    """The error, and the innermost line of hilum or of the check that it came through."""
    frames = traceback.extract_tb(error.__traceback__)
    own = [f for f in frames if "/hilum/" in f.filename or "/fuzz/kinds" in f.filename] or frames
    where = f"{'/'.join(Path(own[-1].filename).parts[-2:])}:{own[-1].lineno}"
    return f"{type(error).__name__} at {where}: {_line(error)}"


def _line(said: object, line: int = 0) -> str:
    """One line of what was said, short and without control characters."""
    return (str(said).strip() or "-").splitlines()[line].encode("unicode_escape").decode()[:160]


def _worker(pipe: Connection, kinds: Mapping[str, Kind], healthy: Path, own: Path, stderr: Path) -> None:
    """Try the inputs that the pipe names, and answer each with what was wrong and the memory in use."""
    with stderr.open("w+b", buffering=0) as raw:
        os.dup2(raw.fileno(), 2)
        resource.setrlimit(resource.RLIMIT_DATA, (ROOM, resource.RLIM_INFINITY))
        places: dict[str, Place] = {}
        pipe.send("ready")
        while (task := pipe.recv()) is not None:
            name, seed = task
            kind = kinds[name]
            if kind.home not in places:
                places[kind.home] = Place(healthy / kind.home, own / kind.home)
            raw.truncate(0)
            raw.seek(0)
            peak = _memory("VmHWM")
            what = tried(kind, seed, places[kind.home])
            raw.seek(0)
            if not what and (said := raw.read().decode("utf-8", "replace").strip()):
                what = f"prints past Python: {_line(said)}"
            if not what and (grown := _memory("VmHWM") - peak) > MEGABYTES:
                what = f"memory: {grown:,.0f} MB more"
            pipe.send((what, _memory("VmRSS")))


@dataclass
class _Process:
    """One worker, what it is at, and since when."""

    own: Path
    healthy: Path
    kinds: Mapping[str, Kind]
    task: tuple[str, int] | None = None
    began: float = 0.0
    used: list[float] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.start()

    def start(self) -> None:
        shutil.rmtree(self.own, ignore_errors=True)
        self.own.mkdir(parents=True)
        context = multiprocessing.get_context("spawn")
        self.pipe, theirs = context.Pipe()
        self.stderr = self.own / "stderr"
        given = (theirs, self.kinds, self.healthy, self.own, self.stderr)
        self.process = context.Process(target=_worker, args=given)
        self.process.start()
        theirs.close()
        self.pipe.recv()
        self.used = []

    def give(self, task: tuple[str, int] | None) -> None:
        self.task, self.began = task, time.monotonic()
        self.pipe.send(task)

    def stop(self) -> None:
        self.process.kill()
        self.process.join()
        self.pipe.close()
        for _ in range(3):  # a child of its own may still write
            shutil.rmtree(self.own, ignore_errors=True)

    @property
    def grown(self) -> float:
        """Megabytes between the first quarter of its inputs and the last of them."""
        return self.used[-1] - max(self.used[: len(self.used) // 4 + 1]) if len(self.used) > 400 else 0.0


def fuzz(
    tasks: Iterable[tuple[str, int]],
    folder: Path,
    kinds: Mapping[str, Kind] = KINDS,
    *,
    workers: int = 1,
    seconds: float = SECONDS,
) -> Iterator[Finding | Report]:
    """Try all inputs (kind, seed); yields each finding, and in the end the report.

    Args:
        tasks: the inputs.
        folder: holds `healthy`, where each kind's home is, and is where they are tried.
        kinds: what the names mean.
        workers: processes.
        seconds: what one input may take.
    """
    report, left = Report(), iter(tasks)
    crew = [_Process(folder / f"worker{number}", folder / "healthy", kinds) for number in range(workers)]
    try:
        idle = list(crew)
        while True:
            for process in idle:
                if (task := next(left, None)) is not None:
                    process.give(task)
                else:
                    process.task = None
            busy = [process for process in crew if process.task is not None]
            if not busy:
                break
            ready = wait([process.pipe for process in busy], timeout=1.0)
            idle = []
            for process in busy:
                what = None
                if process.pipe in ready:
                    what = _answer(process)
                elif time.monotonic() - process.began > seconds:
                    what = f"hangs: over {seconds:g} s"
                if what is None:
                    continue
                idle.append(process)
                report.inputs += 1
                if what:
                    finding = Finding(*process.task, what)
                    report.findings.append(finding)
                    yield finding
                if what.startswith(("hangs", "dies", "memory")):
                    report.grown = max(report.grown, process.grown)
                    process.stop()
                    process.start()
        report.grown = max(report.grown, *(process.grown for process in crew))
        yield report
    finally:
        for process in crew:
            process.stop()


def _answer(process: _Process) -> str:
    """What a worker says of its input; of one that died, how."""
    try:
        what, used = process.pipe.recv()
    except EOFError:
        process.process.join()
        said = process.stderr.read_text(errors="replace")
        return f"dies with {process.process.exitcode}: {_line(said, -1)}"
    process.used.append(used)
    return str(what)


def _all(folder: Path) -> Iterator[Path]:
    """Files and folders below, a folder before what is in it."""
    for where, folders, files in os.walk(folder):
        yield from (Path(where, name) for name in (*folders, *files))


def _stamp(path: Path) -> Any:
    try:
        about = path.stat()
    except OSError:
        return None
    return about.st_mtime_ns, about.st_size


def _memory(what: str) -> float:
    """Megabytes that this process has (`VmRSS`) or had at most (`VmHWM`), as Linux counts them."""
    found = re.search(rf"{what}:\s+(\d+) kB", Path("/proc/self/status").read_text())
    return int(found[1]) / 1024 if found else 0.0
