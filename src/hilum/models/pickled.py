"""The tensors of a whole module that `torch.save` wrote, without running what its pickle says.

Torchxrayvision's densely connected networks are published as whole modules, in the format of torch before 1.6,
which `torch.load(weights_only=True)` refuses. A pickle is a program. Here it is read as a text: where it says
"call F with these", a `_Call` notes so, and nothing is imported or called. Of this record only tensors are used.
"""

from __future__ import annotations

import pickletools
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

import torch
from torch import Tensor

_MAGIC = 0x1950A86A20F9469CFC6C
"""The first number of a file of torch before 1.6 (`torch.serialization.MAGIC_NUMBER`)."""
_DTYPES = {
    "torch.BFloat16Storage": torch.bfloat16,
    "torch.BoolStorage": torch.bool,
    "torch.ByteStorage": torch.uint8,
    "torch.DoubleStorage": torch.float64,
    "torch.FloatStorage": torch.float32,
    "torch.HalfStorage": torch.float16,
    "torch.IntStorage": torch.int32,
    "torch.LongStorage": torch.int64,
}
_PARAMETER = "torch._utils._rebuild_parameter"
_TENSORS = ("torch._utils._rebuild_tensor", "torch._utils._rebuild_tensor_v2")

_IGNORED = ("PROTO", "FRAME")
_EMPTY = {"EMPTY_DICT": dict, "EMPTY_LIST": list, "EMPTY_SET": list}
_TUPLES = {"EMPTY_TUPLE": 0, "TUPLE1": 1, "TUPLE2": 2, "TUPLE3": 3}
_CONSTANTS = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False}
_CALLS = ("REDUCE", "NEWOBJ")
_ONE = {"APPEND": 1, "SETITEM": 2}
_FILLS = (*_ONE, "APPENDS", "SETITEMS", "ADDITEMS")
_MARK = object()


@dataclass(frozen=True)
class _Name:
    """A dotted name that a pickle asks to have imported."""

    dotted: str


@dataclass(eq=False)
class _Call:
    """What a pickle asks to have made.

    Attributes:
        of: what is to be called.
        args: with what.
        state: attributes to be set afterwards.
        items: entries to be added afterwards, where it is a dict.
    """

    of: str
    args: tuple[Any, ...]
    state: Any = None
    items: dict[Any, Any] = field(default_factory=dict)


def read_module(path: Path) -> dict[str, Tensor]:
    """Parameters and buffers of a saved module, by the names that `state_dict` would give them.

    Args:
        path: a file of `torch.save`, of any version of torch.

    Raises:
        ValueError: it is no such file, or holds something else than one module. Damaged files raise others too.
    """
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            root = next(name for name in archive.namelist() if name.endswith("data.pkl"))[: -len("data.pkl")]
            with archive.open(f"{root}data.pkl") as stream:
                module, storages = _read(stream)
            contents = {key: archive.read(f"{root}data/{key}") for key in storages}
    else:
        with path.open("rb") as stream:
            if _read(stream)[0] != _MAGIC:
                raise ValueError("no file of torch.save")
            _version, _system, (module, storages), (keys, _) = [_read(stream) for _ in range(4)]
            contents = {key: _one_storage(stream, storages[key]) for key in keys}
    tensors = dict(_named(module, "", contents))
    if not tensors:
        raise ValueError("no module with tensors")
    return tensors


def _one_storage(stream: IO[bytes], dtype: torch.dtype) -> bytes:
    length = int.from_bytes(stream.read(8), "little")
    return stream.read(length * dtype.itemsize)


def _named(module: Any, prefix: str, contents: Mapping[str, bytes]) -> Iterator[tuple[str, Tensor]]:
    state = module.state if isinstance(module, _Call) else None
    if not isinstance(state, dict) or "_modules" not in state:
        raise ValueError(f"{prefix or 'the file'} is no module")
    for kind in ("_parameters", "_buffers"):
        for name, value in _entries(state[kind]).items():
            if value is not None:
                yield f"{prefix}{name}", _tensor(value, contents)
    for name, part in _entries(state["_modules"]).items():
        if part is not None:
            yield from _named(part, f"{prefix}{name}.", contents)


def _entries(mapping: Any) -> dict[Any, Any]:
    """A dict, or one that is filled after it was called for, as an OrderedDict is."""
    entries: dict[Any, Any] = mapping.items if isinstance(mapping, _Call) else mapping
    return entries


def _tensor(made: Any, contents: Mapping[str, bytes]) -> Tensor:
    if isinstance(made, _Call) and made.of == _PARAMETER:
        made = made.args[0]
    if not isinstance(made, _Call) or made.of not in _TENSORS:
        raise ValueError("a parameter is no tensor")
    (_, kind, key, *_), offset, size, stride = made.args[:4]
    values = torch.frombuffer(bytearray(contents[key]), dtype=_DTYPES[kind.dotted])
    return values.as_strided(size, stride, offset).clone()


def _read(stream: IO[bytes]) -> tuple[Any, dict[str, torch.dtype]]:
    """One pickle as plain values and calls, and the storages that it points to; `stream` is then behind it."""
    machine = _Machine()
    for opcode, argument, _ in pickletools.genops(stream):
        machine.step(opcode.name, argument)
    return machine.stack[-1], machine.storages


class _Machine:
    """The stack machine that a pickle is written for, of which each value is plain, a `_Name` or a `_Call`."""

    def __init__(self) -> None:
        self.stack: list[Any] = []
        self.memo: dict[int, Any] = {}
        self.storages: dict[str, torch.dtype] = {}

    def step(self, code: str, argument: Any) -> None:
        """Take one instruction."""
        stack = self.stack
        if code in _EMPTY:
            stack.append(_EMPTY[code]())
        elif code in _TUPLES:
            stack.append(tuple(self._take(_TUPLES[code])))
        elif code in _CONSTANTS:
            stack.append(_CONSTANTS[code])
        elif code in _CALLS:
            args, called = stack.pop(), stack.pop()
            stack.append(_Call(called.dotted, tuple(args)))
        elif code in _FILLS:
            self._fill(code)
        elif code == "MARK":
            stack.append(_MARK)
        elif code == "TUPLE":
            stack.append(tuple(self._after_mark()))
        elif code == "GLOBAL":
            stack.append(_Name(argument.replace(" ", ".")))
        elif code == "BUILD":
            state = stack.pop()
            stack[-1].state = state
        elif code == "BINPERSID":
            self._point_outside()
        elif code in ("BINPUT", "LONG_BINPUT"):
            self.memo[argument] = stack[-1]
        elif code in ("BINGET", "LONG_BINGET"):
            stack.append(self.memo[argument])
        elif code.startswith(("BININT", "LONG", "BINFLOAT", "BINUNICODE", "SHORT_BIN", "BINSTRING")):
            stack.append(argument)
        elif code not in _IGNORED and code != "STOP":
            raise ValueError(f"{code} is not known")

    def _take(self, count: int) -> list[Any]:
        """The last values, off the stack."""
        at = len(self.stack) - count
        if at < 0:
            raise ValueError("a value is missing")
        values = self.stack[at:]
        del self.stack[at:]
        return values

    def _after_mark(self) -> list[Any]:
        at = max(i for i, value in enumerate(self.stack) if value is _MARK)
        return self._take(len(self.stack) - at)[1:]

    def _fill(self, code: str) -> None:
        values = self._take(_ONE[code]) if code in _ONE else self._after_mark()
        if code.startswith("SETITEM"):
            _entries(self.stack[-1]).update(zip(values[::2], values[1::2], strict=True))
        else:
            self.stack[-1].extend(values)

    def _point_outside(self) -> None:
        """A storage, or a class with its source text: what torch keeps outside of the pickle."""
        about = self.stack.pop()
        if about[0] == "storage":
            self.storages[about[2]] = _DTYPES[about[1].dotted]
            self.stack.append(about)
        else:
            self.stack.append(about[1])
