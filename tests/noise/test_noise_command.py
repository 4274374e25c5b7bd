"""`hilum noise` as a user meets it: tables, files, verdicts, mistakes."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from planted_labels import Planted

from hilum import api
from hilum.errors import DataError
from hilum.noise.suspects import NoiseRate, Suspects, check_out
from hilum.records import from_json
from hilum.table import Overlay


def test_the_command_shows_rates_and_the_worst(hilum, planted: Planted) -> None:  # type: ignore[no-untyped-def]
    done = hilum("noise", planted.store.url, "--finding", "Left", "--repeats", 1, "--seed", 3)
    assert done.code == 0, done.err
    assert "Estimated wrong labels, by logistic L2" in done.out
    assert "confident learning; confident error" in done.out
    assert "--out FOLDER writes a page" in done.out


def test_files_are_written_and_verdicts_are_never_lost(hilum, planted: Planted, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    out = tmp_path / "suspects"
    base = ("noise", planted.store.url, "--finding", "Left", "--repeats", 1, "--out", out)
    done = hilum(*base, "--json")
    assert done.code == 0, done.err
    found = from_json(Suspects, json.loads(done.out))
    assert from_json(Suspects, json.loads((out / "suspects.json").read_text())) == found
    assert pl.read_csv(out / "suspects.csv")["image_id"].to_list() == [one.image_id for one in found.suspects]
    assert (out / "suspects.html").stat().st_size > 10_000
    template = pl.read_csv(out / "overlay.csv", infer_schema=False)
    assert template["verdict"].is_null().all()
    assert template["given"].to_list()[0] in ("positive", "negative")

    # An empty template may be written anew; verdicts may not.
    assert hilum(*base, "--accept", 4, "--reader", "trial").code == 0
    overlay = Overlay.read(out / "overlay.csv").frame
    worst = {one.image_id: 1 - one.given for one in found.suspects[:4]}
    assert dict(overlay.select("image_id", "verdict").iter_rows()) == worst
    assert set(overlay["by"]) == {"trial"}
    refused = hilum(*base)
    assert refused.code == 2
    assert "4 verdicts, which would be lost" in refused.err


@pytest.mark.parametrize(("mark", "encoding"), [(";", "utf-8"), (",", "latin-1"), (",", "utf-16")])
def test_verdicts_that_a_spreadsheet_saved_in_its_own_way_are_not_lost(
    tmp_path: Path, mark: str, encoding: str
) -> None:
    """They are read in any encoding and with any separator."""
    path = tmp_path / "overlay.csv"
    path.write_text(
        "image_id,finding,verdict,by,when\ni1,Left,positive,Müller,\n".replace(",", mark), encoding
    )
    with pytest.raises(DataError, match="1 verdict, which would be lost"):
        check_out(tmp_path)
    path.write_bytes(path.read_bytes() + bytes(9))
    with pytest.raises(DataError, match=r"NUL bytes|may hold verdicts"):
        check_out(tmp_path)


def test_labels_that_were_read_are_not_listed_again(hilum, planted: Planted, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    base = ("noise", planted.store.url, "--finding", "Left", "--repeats", 1, "--json")
    first = from_json(Suspects, json.loads(hilum(*base).out))
    worst = first.suspects[0]
    path = tmp_path / "verdicts.csv"
    rows = "".join(
        f"{image},Left,{verdict},,\n" for image, verdict in ((worst.image_id, 1 - worst.given), ("i40", 1))
    )
    path.write_text("image_id,finding,verdict,by,when\n" + rows)
    again = from_json(
        Suspects, json.loads(hilum(*base, "--labels", path, "--where", "sex = 'F' or sex = 'M'").out)
    )
    assert worst.image_id not in {one.image_id for one in again.suspects}
    assert again.rates[0].positives - first.rates[0].positives == np.sign(1 - 2 * worst.given)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--finding", "Lefft"], "did you mean 'Left'"),
        (["--finding", "Once", "--blank", "ignore"], "no negative label"),
        (["--finding", "Left", "--folds", "1"], "--folds: expected whole number (at least 2); came: '1'"),
        (["--finding", "Left", "--accept", "3"], "name one with --out"),
        (["--finding", "Left", "--encoder", "other"], "random"),
        (["--finding", "Left", "--where", "sex = "], "sex"),
    ],
)
def test_mistakes_are_one_message(hilum, planted: Planted, arguments: list[str], said: str) -> None:  # type: ignore[no-untyped-def]
    done = hilum("noise", planted.store.url, *arguments)
    assert done.code == 2
    assert said in done.err
    assert "Traceback" not in done.err


def test_files_in_the_way_are_told(hilum, planted: Planted, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    (tmp_path / "file").touch()
    base = ("noise", planted.store.url, "--finding", "Left", "--repeats", 1)
    done = hilum(*base, "--out", tmp_path / "file")
    assert done.code == 2
    assert "is a file" in done.err
    wrong = tmp_path / "wrong.csv"
    wrong.write_text("image_id,finding,verdict,by,when\nnobody,Left,positive,,\n")
    done = hilum(*base, "--labels", wrong)
    assert done.code == 2
    assert "1 image of 1 not in the data: nobody" in done.err


def test_no_suspects_are_said(hilum, monkeypatch: pytest.MonkeyPatch) -> None:  # type: ignore[no-untyped-def]
    """In words, not by a table without rows; what must be said of the search is."""
    rate = NoiseRate("Left", 100, 40, 60, 0.0, 0.0, 0)
    none = Suspects((rate,), (), "features", "net", "logistic", 5, 3, 0.9, ("one pack is gone",))
    monkeypatch.setattr(api, "noise", lambda *_, **__: none)
    done = hilum("noise", "features")
    assert "no label is suspect" in done.out
    assert "note: one pack is gone" in done.out
