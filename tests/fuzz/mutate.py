"""A healthy file -> one that is not, drawn from one `random.Random`, so that a seed gives it again."""

from __future__ import annotations

import io
import json
import re
import struct
import tomllib
import zlib
from collections.abc import Callable, Sequence
from datetime import date
from random import Random
from typing import Any

import polars as pl
import tomli_w

Mutation = Callable[[bytes, Random, Sequence[bytes]], bytes]
"""A file's bytes, the source of chance, and the words of the file's format -> other bytes."""

EDGES = sorted(
    {(1 << bits) + step for bits in (0, 1, 7, 8, 15, 16, 24, 30, 31, 32, 63) for step in (-1, 0, 1)}
)
WORDS = [
    *(
        "",
        " ",
        '"',
        '""',
        "'",
        ",",
        ";",
        "\t",
        "|",
        "=",
        "\n",
        "\n\n",
        "\r",
        "\\",
        "{",
        "}",
        "[",
        "]",
        "%s",
        "{0}",
    ),
    *("\0", "\ufeff", "\u00a0", "\u202e", "\x1b[31m", "é", "日本", "[/red]", "[bold]", "<img src=x>", "=1+1"),
    *(
        "nan",
        "NaN",
        "inf",
        "-inf",
        "-1",
        "0",
        "1",
        "2",
        "1.0",
        "1e999",
        "-0.0",
        "9" * 400,
        "0x1F",
        "2025-13-45",
    ),
    *("true", "null", "None", "NA", "test", "train", "F", "PA", "../../x", "/dev/zero", "/dev/stdin", "~"),
    *("[" * 5000, '{"a":' * 5000, "x" * 70_000),
]
"""What people, spreadsheets and attackers put where something else should be."""
VALUES: list[Any] = [
    *(None, True, False, 0, 1, -1, 3, 0.5, 2**31, 2**63, 10**30, -(2**40), 1e308, float("nan"), float("inf")),
    *(
        "",
        "nan",
        "x",
        "\0",
        "[/red]",
        "\x1b[31m",
        "x" * 10_000,
        [],
        {},
        [None],
        [[]],
        ["a", "a"],
        [1, "a"],
        {"": []},
    ),
]
"""What a single field of JSON or TOML is replaced by."""
NUMBERS = (0.0, -1.5, float("nan"), float("inf"), 1e308, 0, -1, 7, 2**40, True)
CELLS = [
    *(
        pl.Series([one])
        for one in ("", "x", "nan", "../x", "\x1b[31m", *NUMBERS, b"\xff", [1], date(2025, 1, 1), None)
    ),
    *(pl.Series([one], dtype=kind) for one, kind in ((-1, pl.Int8), (2**62, pl.Int128), (3e38, pl.Float32))),
]
"""What a cell of a Parquet file, or a whole column, is replaced by."""


def flip(data: bytes, random: Random, words: Sequence[bytes]) -> bytes:
    """One to eight bytes changed."""
    del words
    made = bytearray(data)
    for _ in range(random.randint(1, 8)):
        at = random.randrange(len(made))
        made[at] = random.choice((made[at] ^ 1 << random.randrange(8), random.randrange(256), 0, 255))
    return bytes(made)


def cut(data: bytes, random: Random, words: Sequence[bytes]) -> bytes:
    """The end is missing, or the beginning, or something between."""
    del words
    start, end = _span(data, random)
    return random.choice((data[:start], data[end:], data[:start] + data[end:]))


def hole(data: bytes, random: Random, words: Sequence[bytes]) -> bytes:
    """Zeros where a download or a disk lost some."""
    del words
    start, end = _span(data, random)
    return data[:start] + bytes(end - start) + data[end:]


def repeat(data: bytes, random: Random, words: Sequence[bytes]) -> bytes:
    """A piece that comes again, up to 64 times."""
    del words
    start, end = _span(data, random)
    return data[:end] + data[start:end] * random.choice((1, 2, 64)) + data[end:]


def shuffle(data: bytes, random: Random, words: Sequence[bytes]) -> bytes:
    """A piece of the file over another place of it."""
    del words
    (start, end), at = _span(data, random), random.randrange(len(data))
    return data[:at] + data[start:end] + data[at + end - start :]


def number(data: bytes, random: Random, words: Sequence[bytes]) -> bytes:
    """An integer of 1 to 8 bytes becomes one at the edge of a type; mostly behind a word of the format."""
    size, order = random.choice((1, 2, 2, 4, 4, 8)), random.choice(("little", "big"))
    at = _near(data, random, words) if words and random.random() < 0.8 else random.randrange(len(data))
    value = random.choice(EDGES) % (1 << 8 * size)
    return data[:at] + value.to_bytes(size, order) + data[at + size :]


def word(data: bytes, random: Random, words: Sequence[bytes]) -> bytes:
    """A word of the format where another was, or between two bytes."""
    new = random.choice([*words, *(text.encode() for text in WORDS[:36])])
    at = _near(data, random, words) if random.random() < 0.7 else random.randrange(len(data))
    return data[:at] + new + data[at + random.choice((0, len(new))) :]


BYTES: tuple[Mutation, ...] = (flip, cut, hole, repeat, shuffle, number, number, word)


def _span(data: bytes, random: Random) -> tuple[int, int]:
    start = random.randrange(len(data))
    return start, min(len(data), start + random.choice((1, 2, 4, 16, 64, 512, len(data))))


def _near(data: bytes, random: Random, words: Sequence[bytes]) -> int:
    """A place up to 16 bytes behind the beginning of a word of the format."""
    there = [at for one in words if one for at in [data.find(one)] if at >= 0]
    return min(random.choice(there or [0]) + random.randrange(17), max(len(data) - 1, 0))


def text(data: bytes, random: Random, words: Sequence[bytes]) -> bytes:
    """One token of a text is dropped, doubled, exchanged, or becomes another."""
    tokens = re.findall(r"[\w.+-]+|\s|[^\w\s]", data.decode("utf-8", "surrogateescape"))
    if not tokens:
        return random.choice(WORDS).encode()
    at, other = random.randrange(len(tokens)), random.randrange(len(tokens))
    new = random.choice([*WORDS, *(one.decode("utf-8", "surrogateescape") for one in words)])
    tokens[at] = random.choice(("", tokens[at] * 2, tokens[other], new, new, tokens[at] + new))
    return "".join(tokens).encode("utf-8", "surrogateescape")


def lines(data: bytes, random: Random, words: Sequence[bytes]) -> bytes:
    """A line is dropped, doubled, moved or cut; or a column of a table is."""
    del words
    rows = data.split(b"\n")
    at = random.randrange(len(rows))
    match random.randrange(5):
        case 0:
            del rows[at]
        case 1:
            rows.insert(random.randrange(len(rows)), rows[at])
        case 2:
            rows[at] = b",".join(rows[at].split(b",")[: random.randrange(4)])
        case 3:
            column = random.randrange(8)
            rows = [b",".join(cell for i, cell in enumerate(row.split(b",")) if i != column) for row in rows]
        case _:
            rows = rows[: random.randrange(3)]
    return b"\n".join(rows)


def recode(data: bytes, random: Random, words: Sequence[bytes]) -> bytes:
    """The same text in another encoding, with other line ends or another separator."""
    del words
    told = data.decode("utf-8", "replace")
    codes = (told.encode("utf-16"), told.encode("utf-8-sig"), told.encode("latin-1", "replace"))
    ends = (data.replace(b"\n", b"\r"), data.replace(b"\n", b"\r\n"), b"\n" + data)
    return random.choice(
        (*codes, *ends, b"sep=,\n" + data, *(data.replace(b",", mark) for mark in (b";", b"\t", b"|")))
    )


TEXT: tuple[Mutation, ...] = (text, text, text, lines, recode, flip, cut, repeat)


def tree(value: Any, random: Random) -> Any:
    """Plain values with one field dropped, renamed, or of another type."""
    places = list(_places(value))
    if not places:
        return random.choice(VALUES)
    holder, key = random.choice(places)
    match random.randrange(5):
        case 0:
            del holder[key]
        case 1 if isinstance(holder, dict):
            holder[f"{key}x"] = holder.pop(key)
        case 2:
            holder[key] = [holder[key]]
        case _:
            holder[key] = random.choice(VALUES)
    return value


def _places(value: Any) -> Any:
    """Every (container, key) of nested lists and dicts."""
    for key in [*value] if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ():
        yield value, key
        yield from _places(value[key])


def json_field(data: bytes, random: Random, words: Sequence[bytes]) -> bytes:
    """One field of a JSON file; NaN and Infinity are written as Python does."""
    try:
        return json.dumps(tree(json.loads(data), random), indent=2).encode()
    except (ValueError, RecursionError):
        return text(data, random, words)


def png_sealed(data: bytes) -> bytes:
    """The same PNG with checksums that fit, as a writer of wrong files would leave it."""
    made, at = bytearray(data), 8
    while at + 12 <= len(made):
        end = at + 8 + int.from_bytes(made[at : at + 4], "big")
        if end + 4 > len(made):
            break
        made[end : end + 4] = struct.pack(">I", zlib.crc32(made[at + 4 : end]))
        at = end + 4
    return bytes(made)


def safetensors_header(data: bytes, random: Random, words: Sequence[bytes]) -> bytes:
    """The JSON header of a safetensors file with one field changed, and a length that fits it."""
    size = int.from_bytes(data[:8], "little")
    try:
        header = json.dumps(tree(json.loads(data[8 : 8 + size]), random)).encode()
    except (ValueError, RecursionError):
        return flip(data, random, words)
    return len(header).to_bytes(8, "little") + header + data[8 + size :]


def npy_header(data: bytes, random: Random, words: Sequence[bytes]) -> bytes:
    """The header of a .npy file with one token changed, and a length that fits it."""
    size = int.from_bytes(data[8:10], "little")
    header = text(data[10 : 10 + size], random, words)[:65535]
    return data[:8] + len(header).to_bytes(2, "little") + header + data[10 + size :]


def parquet_column(data: bytes, random: Random, words: Sequence[bytes]) -> bytes:
    """One column of a Parquet file dropped, renamed, doubled, of another type or of one value; or other rows."""
    del words
    frame = pl.read_parquet(io.BytesIO(data))
    name, rows = random.choice(frame.columns), frame.height
    match random.randrange(8):
        case 0:
            frame = frame.drop(name)
        case 1:
            new = random.choice((f"{name}x", "", "target:", "logit:x"))
            frame = frame.rename({name: new}) if new not in frame.columns else frame
        case 2:
            frame = frame.with_columns(pl.col(name).alias(f"{name} 2"))
        case 3 if not frame.schema[name].is_nested():
            kind = random.choice((pl.String, pl.Float64, pl.Int64, pl.Categorical))
            frame = frame.with_columns(frame[name].cast(pl.String, strict=False).cast(kind, strict=False))
        case 4:
            value = random.choice(CELLS)
            frame = frame.with_columns(value.new_from_index(0, rows).alias(name))
        case 5:
            chosen = random.choice(([], [0], [0, 0], [*range(rows), 0], [*range(rows)][::-1]))
            frame = frame[[row for row in chosen if row < rows]]
        case 6:
            frame = frame.select(random.sample(frame.columns, frame.width))
        case _:
            new = random.choice([value for value in CELLS if value.dtype in (pl.Null, frame.schema[name])])
            at, own = random.randrange(max(rows, 1)), frame[name]
            if rows:
                frame = frame.with_columns(
                    pl.concat([own[:at], new.cast(own.dtype), own[at + 1 :]]).alias(name)
                )
    buffer = io.BytesIO()
    frame.write_parquet(buffer)
    return buffer.getvalue()


def toml_field(data: bytes, random: Random, words: Sequence[bytes]) -> bytes:
    """One field of a TOML file."""
    try:
        return tomli_w.dumps(tree(tomllib.loads(data.decode()) or {"x": 1}, random)).encode()
    except (ValueError, TypeError, RecursionError):  # TOML has no null
        return text(data, random, words)


def by_content(data: bytes, random: Random, words: Sequence[bytes]) -> bytes:
    """The mutation of a field for the format that the bytes are of; any bytes where there is none."""
    if data.startswith(b"PAR1"):
        return parquet_column(data, random, words)
    if data.startswith(b"\x93NUMPY"):
        return npy_header(data, random, words)
    if data.startswith(b"{"):
        return json_field(data, random, words)
    if data[8:9] == b"{":
        return safetensors_header(data, random, words)
    return toml_field(data, random, words) if data.isascii() else flip(data, random, words)
