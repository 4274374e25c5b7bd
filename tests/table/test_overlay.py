"""Verdicts: what a file may say, and what becomes of labels."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hilum.config import LabelsConfig
from hilum.errors import DataError
from hilum.table.identity import identities
from hilum.table.overlay import _SCHEMA, Overlay
from hilum.table.table import Table

HEADER = "image_id,finding,verdict,by,when\n"


def table(codes: list[int | None], **columns: Any) -> Table:
    """Images a, b, c, ... with these labels of Edema, and none of Fracture."""
    ids = [chr(ord("a") + k) for k in range(len(codes))]
    frame = {"image_id": ids, "path": ids, "patient_id": ids, "source": ["test"] * len(ids)}
    empty = pl.Series([None] * len(ids), dtype=pl.Int8)
    return Table.make(
        pl.DataFrame(frame | {"Edema": codes, "Fracture": empty, **columns}), ("Edema", "Fracture")
    )


def written(folder: Path, *rows: str) -> Path:
    path = folder / "overlay.csv"
    path.write_text(HEADER + "".join(f"{row}\n" for row in rows))
    return path


def parts(train: list[int], valid: list[int] = (), test: list[int] = ()) -> dict[str, Any]:  # type: ignore[assignment]
    return {
        name: np.array(rows, np.int64)
        for name, rows in {"train": train, "valid": valid, "test": test}.items()
    }


@pytest.mark.parametrize(
    ("word", "code"),
    [
        ("positive", 1),
        ("Negative", 0),
        (" uncertain ", -1),
        ("UNUSABLE", None),
        ("1", 1),
        ("0.0", 0),
        ("-1", -1),
    ],
)
def test_verdicts_may_be_words_or_codes(tmp_path: Path, word: str, code: int | None) -> None:
    overlay = Overlay.read(written(tmp_path, f"a,Edema,{word},me,2025-11-21"), table([1]))
    assert overlay.frame.schema == _SCHEMA
    assert overlay.frame.row(0) == ("a", "Edema", code, "me", "2025-11-21")


def test_a_row_without_a_verdict_says_nothing_and_further_columns_are_left_alone(tmp_path: Path) -> None:
    """So that a list of suspects is an overlay to be filled."""
    path = tmp_path / "overlay.csv"
    path.write_text("finding,image_id,note,when,by,verdict\nEdema,a,?,,,\nEdema,b,!,,,positive\n")
    assert Overlay.read(path, table([0, 0])).frame["image_id"].to_list() == ["b"]


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        (["a,Edema,,,"], "no verdict yet"),
        ([], "no verdict yet"),
        (["a,Edema,positiv,,"], "line 2: 'positiv'; did you mean 'positive'"),
        (["a,Edema,1,me,21.11.25"], "line 2: '21.11.25'; expected ISO 8601"),
        (["z,Edema,1,,", "y,Edema,1,,"], "2 images of 2 not in the data: y, z; the data have a"),
        (["a,Edemma,1,,"], "1 finding not in the data: Edemma; did you mean 'Edema'"),
        (["a,Edema,1,me,2025-01-01", "a,Edema,0,you,2025-01-01"], "line 2 1, line 3 0"),
        (["a,Edema,1,me,2025-01-01", "a,Edema,0,you,"], "same or an unknown time"),
        (
            ["a,Edema,1,,", ",Edema,1,,", "a,,0,,"],
            "2 verdicts without an image_id or a finding, the first in line 3",
        ),
    ],
)
def test_what_cannot_be_used_is_told(tmp_path: Path, rows: list[str], said: str) -> None:
    with pytest.raises(DataError) as told:
        Overlay.read(written(tmp_path, *rows), table([0]))
    assert said in str(told.value)


def test_all_faults_are_told_at_once(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"(?s)cannot be understood.*1 image of 1.*1 finding"):
        Overlay.read(written(tmp_path, "z,Edemma,maybe,,"), table([0]))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (HEADER.replace(",", "\t"), "no verdict yet"),
        ("image_id,finding,verdict,verdict,by,when\na,Edema,1,0,,\n", "the heading 'verdict' 2 times"),
    ],
)
def test_what_a_spreadsheet_may_write_is_told(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "overlay.csv"
    path.write_bytes(text.encode("latin-1"))
    with pytest.raises(DataError) as told:
        Overlay.read(path, table([0]))
    assert said in str(told.value)


def test_a_spreadsheets_byte_order_mark_quotes_and_blank_rows_are_read(tmp_path: Path) -> None:
    path = tmp_path / "overlay.csv"
    rows = '"a",Edema, Positive ,"Lee, A",2025-11-21 14:30\n,,,,\n,,,,\n'
    path.write_bytes((HEADER + rows).replace("\n", "\r\n").encode("utf-8-sig"))
    assert Overlay.read(path, table([0])).frame.rows() == [("a", "Edema", 1, "Lee, A", "2025-11-21 14:30")]


@pytest.mark.parametrize("encoding", ["latin-1", "utf-8", "utf-16", "utf-16-le"])
def test_semicolons_and_other_encodings_of_a_spreadsheet_are_read(tmp_path: Path, encoding: str) -> None:
    path = tmp_path / "overlay.csv"
    path.write_bytes((HEADER + "a,Edema,1,M\xfcller,\n").replace(",", ";").encode(encoding))
    assert Overlay.read(path, table([0])).frame.rows() == [("a", "Edema", 1, "M\xfcller", "")]


def test_ids_are_known_under_any_spelling(tmp_path: Path) -> None:
    path = written(tmp_path, "\u200ba\xa0,Edema,1,me,", " b ,Edema,0,me,")
    assert Overlay.read(path, table([0, 1])).frame["image_id"].to_list() == ["a", "b"]


def test_files_may_be_put_under_each_other_with_their_headings(tmp_path: Path) -> None:
    overlay = Overlay.read(
        written(tmp_path, "a,Edema,1,me,", HEADER.strip(), "b,Edema,0,you,"), table([0, 1])
    )
    assert overlay.frame["image_id"].to_list() == ["a", "b"]


@pytest.mark.parametrize("text", ["image_id,finding,verdikt,by,when\n", "", "a\xff"])
def test_a_file_that_is_no_overlay_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "overlay.csv"
    path.write_bytes(text.encode("latin-1"))
    with pytest.raises(DataError):
        Overlay.read(path)
    with pytest.raises(DataError, match=r"overlay\.csv"):
        Overlay.read(tmp_path / "none" / "overlay.csv")


@pytest.mark.parametrize(
    "rows",
    [
        ["a,Edema,0,me,2025-01-01", "a,Edema,1,you,2025-01-02"],
        ["a,Edema,1,you,2025-01-02T00:30+01:00", "a,Edema,0,me,2025-01-01T23:00"],
        ["a,Edema,1,you,2025-01-02", "a,Edema,1,me,"],
    ],
)
def test_the_newest_verdict_counts(tmp_path: Path, rows: list[str]) -> None:
    """Times without a zone are UTC."""
    overlay = Overlay.read(written(tmp_path, *rows), table([0]))
    assert overlay.frame.row(0)[2:4] == (1, "you")


WORDS = st.text(st.characters(codec="utf-8", exclude_categories=("C", "Z")), min_size=1, max_size=8).filter(
    lambda word: pl.Series([word]).equals(identities(pl.Series([word])))
)
TIMES = st.one_of(st.just(""), st.dates().map(str), st.datetimes().map(lambda time: time.isoformat()))


@given(
    st.dictionaries(
        st.tuples(WORDS, WORDS), st.tuples(st.sampled_from([1, 0, -1, None]), WORDS, TIMES), min_size=1
    )
)
def test_what_is_written_is_read_again(
    tmp_path_factory: pytest.TempPathFactory, verdicts: dict[Any, Any]
) -> None:
    path = tmp_path_factory.mktemp("overlay") / "overlay.csv"
    rows = [(*key, *value) for key, value in sorted(verdicts.items())]
    overlay = pl.DataFrame(rows, schema=_SCHEMA, orient="row")
    Overlay(overlay).write(path)
    assert Overlay.read(path).frame.equals(overlay)


CORRECT, DROP = LabelsConfig(verdicts="correct"), LabelsConfig(verdicts="drop")


@pytest.mark.parametrize(
    ("given_code", "verdict", "policy", "target", "what"),
    [
        (1, 0, CORRECT, 0.0, "corrected"),
        (1, 0, DROP, np.nan, "dropped"),
        (1, 1, DROP, 1.0, "confirmed"),
        (1, None, CORRECT, np.nan, "dropped"),
        (None, 0, DROP, 0.0, "confirmed"),
        (None, 1, CORRECT, 1.0, "corrected"),
        (None, 1, DROP, np.nan, "dropped"),
        (None, 0, CORRECT.model_copy(update={"blank": "ignore"}), 0.0, "corrected"),
        (1, -1, CORRECT, np.nan, "corrected"),
        (1, -1, CORRECT.model_copy(update={"uncertain": "ones"}), 1.0, "corrected"),
        (1, None, CORRECT.model_copy(update={"uncertain": "ones"}), np.nan, "dropped"),
    ],
)
def test_what_a_verdict_makes_of_a_label(
    given_code: int | None, verdict: int | None, policy: LabelsConfig, target: float, what: str
) -> None:
    overlay = pl.DataFrame([("a", "Edema", verdict, "", "")], schema=_SCHEMA, orient="row")
    changed, applied = Overlay(overlay).apply(table([given_code, 0]), parts([0, 1]), policy)
    np.testing.assert_array_equal(changed.targets(policy)[:, 0], np.array([target, 0], np.float32))
    np.testing.assert_array_equal(
        changed.targets(policy, scoring=True)[:, 0], np.array([target, 0], np.float32)
    )
    assert applied.counts["train"] == {"confirmed": 0, "corrected": 0, "dropped": 0} | {what: 1}


def test_test_images_keep_their_labels_and_all_is_counted(tmp_path: Path) -> None:
    path = written(
        tmp_path, *(f"{image},Edema,1,me,2025-01-01" for image in "abcd"), "a,Fracture,unusable,me,2025-01-01"
    )
    data = table([0, 0, 0, 0, 0])
    overlay = Overlay.read(path, data)
    # The run learns Edema from a, e; b is validated, c tested, d filtered away.
    rows = data.select(("Edema",)).take([0, 1, 2, 4])
    changed, applied = overlay.apply(rows, parts([0, 3], [1], [2]), LabelsConfig())
    assert changed.frame["Edema"].to_list() == [1, 1, 0, 0]
    assert rows.frame["Edema"].to_list() == [0, 0, 0, 0]
    assert applied.counts["train"]["corrected"] == applied.counts["valid"]["corrected"] == 1
    assert (applied.test, applied.elsewhere) == (1, 2)
    assert "train: 1 corrected, 0 dropped, 0 confirmed; valid: 1 corrected" in applied.text
    assert "1 verdict on test images not applied" in applied.text
    assert "2 verdicts on what takes no part" in applied.text
    assert applied.to_json()["fingerprint"] == overlay.fingerprint


def test_copies_follow_their_original_but_for_a_verdict_of_their_own(tmp_path: Path) -> None:
    """An augmented pack shows the same wrong label many times."""
    data = table([0, 0, 0, 0], copy_of=[None, "a", "a", "x"])
    path = written(tmp_path, "a,Edema,1,,", "c,Edema,unusable,,", "x,Edema,1,,")
    changed, applied = Overlay.read(path, data).apply(data, parts([0, 1, 2, 3]), LabelsConfig())
    assert changed.targets(LabelsConfig())[:, 0].tolist()[:2] == [1, 1]
    assert np.isnan(changed.targets(LabelsConfig())[2, 0])
    assert changed.targets(LabelsConfig())[3, 0] == 1
    assert applied.counts["train"] == {"confirmed": 0, "corrected": 3, "dropped": 1}


def test_a_fingerprint_is_of_verdicts_alone() -> None:
    one = pl.DataFrame([("a", "Edema", 1, "me", ""), ("b", "Edema", 0, "", "")], schema=_SCHEMA, orient="row")
    same = pl.DataFrame(
        [("b", "Edema", 0, "", "2025-01-01"), ("a", "Edema", 1, "", "")], schema=_SCHEMA, orient="row"
    )
    assert Overlay(one).fingerprint == Overlay(same).fingerprint
    assert Overlay(one).fingerprint != Overlay(one.head(1)).fingerprint
