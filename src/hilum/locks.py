"""One writer at a time of a run, a store and an output folder, and an end to what killed writers left.

A writer of `PATH` holds `.NAME.hilum-lock` beside it, which says who that is. The lock is the system's (flock),
so it goes with its process, however that ends: a lock of the dead never blocks. Between machines it holds where
the file system passes it on (NFS version 4, Lustre with `flock`, CephFS); where a file system has no locks, that
is said and the work goes on without. The file goes with the lock; one that is left tells of a killed process.
"""

from __future__ import annotations

import errno
import json
import os
import re
import shlex
import shutil
import socket
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path
from typing import Any

from hilum.errors import HilumError, InUse
from hilum.files import disk_error, read_json
from hilum.progress import say

_LOCK = ".hilum-lock"

_PARTIAL = re.compile(r"\.(?P<of>.+)\.(?P<pid>\d+)(-\d+)?\.partial")
"""What a process writes until it becomes `of`: files by `hilum.files.whole_file`, folders and links likewise."""
_NO_LOCKS = (errno.ENOSYS, errno.EOPNOTSUPP, errno.ENOLCK)
_REMEDY = "Wait until that is done, or stop it; nothing was changed."
_held = threading.local()


@contextmanager
def writing(path: str | Path, *, wait: bool = False) -> Iterator[None]:
    """Within the block nobody else writes `path`, a file or a folder that is there or is to be made.

    It may be nested. What killed writers of `path`, and of what else lies in its folder, have left is removed
    first; a half-built pack, which can be gone on with, is not.

    Args:
        path: what will be written, in place or by renaming something to it.
        wait: until another process is done, rather than refuse.

    Raises:
        InUse: another process, or another thread of this one, writes it; the message says which.
        DiskError: the folder that it is in cannot be written.
    """
    given, path = Path(path), Path(path).resolve()
    mine: set[Path] = _held.__dict__.setdefault("paths", set())
    if path in mine:
        yield
        return
    missing = [folder for folder in path.parents if not folder.exists()]
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise disk_error(given, error) from error
    try:
        with _alone(path, given, wait):
            sweep(path.parent)
            mine.add(path)
            try:
                yield
            finally:
                mine.discard(path)
    finally:
        for folder in missing:  # those that nothing came into
            with suppress(OSError):
                folder.rmdir()


def sweep(folder: str | Path) -> None:
    """Remove what killed writers left in a folder; what is being written, or cannot be removed, stays."""
    with suppress(OSError):
        for path in {place for entry in os.scandir(folder) if (place := _written(entry))}:
            with suppress(HilumError, OSError), _alone(path, path):
                pass


def _written(entry: os.DirEntry[str]) -> Path | None:
    """What a lock, a partial folder or a partial link in a folder is of.

    Partial files are not asked about: whoever has the lock of what they are of, or of their folder, removes them.
    """
    if entry.name.endswith(_LOCK):
        name = entry.name[1 : -len(_LOCK)]
        return Path(entry.path).with_name(name) if entry.name.startswith(".") and name else None
    found = _PARTIAL.fullmatch(entry.name)
    if found is None or entry.is_file(follow_symlinks=False):
        return None
    return Path(entry.path).with_name(found["of"])


def left(path: Path) -> bool:
    """Whether nobody writes `path`: its lock is free. False where the file system has no locks."""
    from filelock import FileLock, Timeout

    lock = FileLock(file := _lock_of(path.resolve()), fallback_to_soft=False)
    try:
        lock.acquire(blocking=False)
    except (OSError, Timeout):
        return False
    file.unlink(missing_ok=True)
    lock.release()
    return True


def _lock_of(path: Path) -> Path:
    inside = path.is_dir() and not os.access(path.parent, os.W_OK)  # as where a container mounts one folder
    return path / _LOCK if inside else path.with_name(f".{path.name}{_LOCK}")


@contextmanager
def _alone(path: Path, given: Path, wait: bool = False) -> Iterator[None]:
    """Hold the lock of `path`, called as the user gave it, once what the dead left of it is removed."""
    from filelock import FileLock, Timeout

    lock = FileLock(file := _lock_of(path), fallback_to_soft=False)
    try:
        lock.acquire(blocking=False)
    except Timeout as error:
        if not wait:
            raise InUse(f"{given} is being written {_by(file)}. {_REMEDY}") from error
        say(f"{given}: waiting, for it is being written {_by(file)}")
        lock.acquire()
    except OSError as error:
        if error.errno not in _NO_LOCKS:
            raise disk_error(given, error) from error
        say(f"{given} is on a file system without locks: see to it that nothing else writes there")
        file.unlink(missing_ok=True)
        yield
        return
    try:
        _remove_leftovers(path, _holder(file).get("pid"))
        file.write_text(json.dumps(_myself()), encoding="utf-8")
        yield
    finally:
        file.unlink(missing_ok=True)  # while it is held: who waits for it sees that, and makes a new one
        lock.release()


def _remove_leftovers(path: Path, pid: object) -> None:
    """Remove partial files, folders and links of `path`, and those of process `pid` below it."""
    beside = ((found, _PARTIAL.fullmatch(found.name)) for found in path.parent.iterdir())
    left = [found for found, made in beside if made and made["of"] == path.name]
    if pid is not None and path.is_dir():
        inside = ((found, _PARTIAL.fullmatch(found.name)) for found in path.rglob(".*.partial"))
        left += [found for found, made in inside if made and made["pid"] == str(pid)]
    for found in left:
        if found.is_dir() and not found.is_symlink():
            shutil.rmtree(found, ignore_errors=True)
        else:
            found.unlink(missing_ok=True)


def _myself() -> dict[str, Any]:
    return {
        "pid": os.getpid(),
        "host": socket.gethostname(),
        "command": shlex.join([Path(sys.argv[0]).name, *sys.argv[1:]]),
        "since": datetime.now().astimezone().isoformat(" ", "seconds"),
    }


def _holder(file: Path) -> dict[str, Any]:
    """Who wrote a lock's file; empty where that is not known."""
    try:
        found = read_json(file)
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _by(file: Path) -> str:
    who = _holder(file)
    if not who:
        return "by another process"
    return f"by process {who.get('pid')} on {who.get('host')} since {who.get('since')}: {who.get('command')}"
