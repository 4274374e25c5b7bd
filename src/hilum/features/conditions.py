"""Conditions such as `sex = 'F' and age > 60`, and what is wrong with one."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from hilum.errors import DataError, nearest
from hilum.features.columns import ABOUT
from hilum.features.lance import first_line


def as_condition(where: str, columns: Mapping[str, str]) -> str:
    """The condition as the database wants it; empty stays empty.

    Names of findings in backticks become their columns. It goes into parentheses, since whatever follows a
    complete condition (`age > 60 sex = 'F'`) is otherwise ignored without a word.

    Args:
        where: what the user wrote.
        columns: finding -> column.
    """
    if not where.strip():
        return ""
    return "(" + re.sub(r"`([^`]+)`", lambda name: f"`{columns.get(name[1], name[1])}`", where) + ")"


def check_condition(table: Any, condition: str, where: str, findings: Sequence[str]) -> int:
    """How many rows fulfil a condition.

    Args:
        table: of LanceDB.
        condition: what `as_condition` gave.
        where: what the user wrote, for messages.
        findings: columns of labels.

    Raises:
        DataError: it cannot be understood; the message says what is wrong with it.
    """
    try:
        return int(table.count_rows(condition or None))
    except (ValueError, RuntimeError) as error:
        raise DataError(f"the condition {where!r} {_fault(error, findings)}") from error


def _fault(error: Exception, findings: Sequence[str]) -> str:
    text = first_line(error)
    known = [name for name in ABOUT if name not in ("pack_fingerprint", "slot")] + list(findings)
    if found := re.search(r"No field named \"?([^\".]+)\"?\.", text):
        near = nearest(found[1], known)
        hint = f"did you mean {near!r}?" if near else f"if it is a text, write it in quotes: '{found[1]}'."
        return f"names {found[1]!r}, which is no column; {hint} Columns: {', '.join(known)}"
    if re.search("(Aggregate|Window)Function", text):
        return (
            "is about several images at once; a condition is asked of one at a time: sex = 'F' and age > 60"
        )
    if "boolean" in text:
        return (
            "is neither true nor false of an image; compare labels with 1 (positive), 0 or -1: "
            f"{findings[0] if findings else 'age'} = 1"
        )
    if said := re.search(r"parser error: (.*?)\)?$", text):
        early = said[1].strip().endswith(("found:", "found: )", "found: EOF"))
        reason = (
            "it ends too early"
            if early
            else re.sub(r"^Expected: \), found: (.*)$", r"\1 is not expected there", said[1])
        )
        return f"is not SQL: {reason}. Write it like: sex = 'F' and age > 60"
    reason = re.sub(
        r"^.*(?:Invalid user input|Error during planning|Error parsing function|invalid SQL predicate): ",
        "",
        text,
    )
    return f"does not fit the columns: {reason}"
