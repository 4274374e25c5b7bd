"""The page of suspects says what was found, in pictures and words, and fits what a browser and a mail take."""

from __future__ import annotations

import base64
import re
from dataclasses import replace
from html import unescape
from pathlib import Path

import cv2
import numpy as np
import pytest
from report_suspects import make_suspects

from hilum.drawing import jpeg
from hilum.errors import DiskError
from hilum.noise import Suspects
from hilum.pixels import Pack
from hilum.report.suspects_page import _NEAR_SIDE, _SIDE, _choose, _contents, _fingerprint, write_suspects
from hilum_phantom import make_phantom


def text_of(html: str) -> str:
    """What a reader sees: no tags, style or script; blanks as one."""
    html = re.sub(r"<(style|script)>.*?</\1>", "", html, flags=re.DOTALL)
    return re.sub(r"\s+", " ", unescape(re.sub(r"<[^>]+>", " ", html)))


@pytest.fixture
def suspects(small_pack: Pack) -> Suspects:
    return make_suspects(small_pack)


def test_says_what_was_found(suspects: Suspects, tmp_path: Path) -> None:
    page = write_suspects(suspects, tmp_path / "noise")
    assert page == tmp_path / "noise" / "suspects.html"
    text = text_of(page.read_text())
    assert "Of 200 labels of Edema, 3 are suspect. All of them are here" in text
    assert "10.0 % about 5 of 50" in text
    assert "2.0 % about 3 of 150" in text
    assert "A suspect is a question, not a verdict." in text
    assert "cross-validated in 5 folds by patient, 3 times over" in text
    assert "logistic, C 0.1" in text
    assert "hilum train RECIPE --data PACK --labels overlay.csv" in text
    assert "Not a medical device" in text


def test_each_suspect_has_its_label_probability_reasons_and_neighbours(
    suspects: Suspects, tmp_path: Path
) -> None:
    cards = write_suspects(suspects, tmp_path).read_text().split("<article ")[1:]
    assert len(cards) == 3
    first, second, third = map(text_of, cards)
    assert "1. test-000" in first
    assert "Patient patient 0" in first
    assert "Label of Edema positive" in first
    assert "0.020" in first
    assert "No rule makes it a suspect by itself" in first
    assert "Label of Edema negative" in second
    assert "0.970" in second
    assert "looks like one that is positive (confident learning)" in second
    assert "The classifiers are sure" not in second
    assert "sure that it is negative: past 0.95 (confident error)" in third
    assert "2 of 4 labelled negative" in first
    assert "≠ negative similarity 0.970 test-002" in first
    assert "not known similarity 0.960 test-003" in first
    assert [card.count("≠") for card in (first, second, third)] == [2, 2, 2]
    for card, given in zip(cards, ("positive", "negative", "positive"), strict=True):
        assert f'data-given="{given}"' in card
        assert card.count("data:image/jpeg") == 6
        assert card.count('type="radio"') == 4


def test_nothing_is_fetched_and_the_page_reads_without_script(suspects: Suspects, tmp_path: Path) -> None:
    html = write_suspects(suspects, tmp_path).read_text()
    assert not re.search(r"""(src|href)=["'](?!data:image/|#)""", html)
    assert not re.search(r"url\(|@import|https?://", html)
    assert "write <code>overlay.csv</code> by hand" in html
    for part in re.findall(r'<[^>]*class="[^"]*needs-script[^>]*>', html):
        assert part.endswith(" hidden>")


def test_names_are_escaped(suspects: Suspects, tmp_path: Path) -> None:
    odd = replace(suspects.suspects[0], image_id='a "b" <i>&', patient_id="<b>")
    html = write_suspects(replace(suspects, suspects=(odd,)), tmp_path).read_text()
    assert 'data-image="a &#34;b&#34; &lt;i&gt;&amp;"' in html
    assert "Patient &lt;b&gt;" in html
    assert html.count("no picture") == 1, "the pack has no image of this name, whatever its slot holds"


def test_the_worst_of_each_finding_are_shown(small_pack: Pack) -> None:
    suspects = make_suspects(small_pack, ("Edema", "Fracture"), each=4)
    shown = _choose(suspects, 5)
    assert [(one.finding, one.rank) for one in shown] == [
        ("Edema", 1),
        ("Edema", 2),
        ("Edema", 3),
        ("Fracture", 1),
        ("Fracture", 2),
    ]
    few = replace(suspects, suspects=(*suspects.of("Edema"), *suspects.of("Fracture")[:1]))
    assert [len(cards) for _, cards in _contents(few, 5)["groups"]] == [4, 1]
    said = "Of the labels of 2 findings, 8 are suspect. The 5 worst are here to be looked at, worst first."
    assert _contents(suspects, 5)["lead"] == said


def test_nothing_to_look_at(suspects: Suspects, tmp_path: Path) -> None:
    none = replace(suspects, suspects=(), rates=(replace(suspects.rates[0], suspects=0),))
    html = write_suspects(none, tmp_path).read_text()
    assert "0 are suspect. There is none to look at." in html
    assert "<script>" not in html
    assert "overlay.csv" not in html
    one = replace(suspects, suspects=suspects.suspects[:1], rates=(replace(suspects.rates[0], suspects=1),))
    assert _contents(one)["lead"] == "Of 200 labels of Edema, 1 is suspect. One is here to be looked at."


def test_a_finding_without_a_positive_has_no_share(suspects: Suspects, tmp_path: Path) -> None:
    rate = replace(suspects.rates[0], positives=0, negatives=200, wrong_positive=float("nan"))
    assert "<td>–</td>" in write_suspects(replace(suspects, rates=(rate,)), tmp_path).read_text()


def test_a_pack_that_is_gone_is_said_once(suspects: Suspects, tmp_path: Path) -> None:
    gone = str(tmp_path / "gone")
    moved = tuple(
        replace(one, pack=gone, neighbours=tuple(replace(near, pack=gone) for near in one.neighbours))
        for one in suspects.suspects
    )
    html = write_suspects(replace(suspects, suspects=moved, warnings=("few images",)), tmp_path).read_text()
    assert html.count(f"No pictures of {gone}") == 1
    assert "<li>few images</li>" in html
    assert html.count("no picture<") == 18
    assert "data:image" not in html


def test_an_image_is_found_by_its_name(suspects: Suspects, tmp_path: Path) -> None:
    right = write_suspects(suspects, tmp_path / "right").read_text()
    elsewhere = tuple(replace(one, slot=one.slot + 50) for one in suspects.suspects)
    assert write_suspects(replace(suspects, suspects=elsewhere), tmp_path / "moved").read_text() == right


def test_the_fingerprint_is_of_what_is_asked(suspects: Suspects) -> None:
    given = replace(suspects.suspects[0], given=0)
    others = [replace(suspects, store="more"), replace(suspects, suspects=(given, *suspects.suspects[1:]))]
    sure = replace(suspects.suspects[0], probability=0.03)
    assert _fingerprint(suspects) == _fingerprint(replace(suspects, suspects=(sure, *suspects.suspects[1:])))
    assert len({_fingerprint(one) for one in (suspects, *others)}) == 3


def test_where_the_page_goes(suspects: Suspects, tmp_path: Path) -> None:
    named = tmp_path / "page.html"
    assert write_suspects(suspects, named) == named
    (tmp_path / "file").write_text("")
    with pytest.raises(DiskError, match=r"is a file; name an \.html file, or a folder"):
        write_suspects(suspects, tmp_path / "file")
    (tmp_path / "folder.html").mkdir()
    with pytest.raises(DiskError, match=r"is a folder; name an \.html file"):
        write_suspects(suspects, tmp_path / "folder.html")


def test_sixty_suspects_of_large_films_can_be_mailed(tmp_path: Path) -> None:
    make_phantom(tmp_path / "study", 6, "pneumonia", size=320, workers=1)
    files = sorted((tmp_path / "study").rglob("*.jpeg"))
    films = [np.asarray(cv2.imread(str(file), cv2.IMREAD_GRAYSCALE), np.uint8) for file in files]
    large, small = (np.mean([len(jpeg(film, side)) for film in films]) for side in (_SIDE, _NEAR_SIDE))
    assert 60 * large + 300 * small < 3.8 * 2**20


def test_thumbnails_keep_their_shape() -> None:
    def size(uri: str) -> tuple[int, ...]:
        content = np.frombuffer(base64.b64decode(uri.split(",")[1]), np.uint8)
        return tuple(np.shape(cv2.imdecode(content, cv2.IMREAD_GRAYSCALE)))

    assert size(jpeg(np.zeros((300, 100), np.uint8), 150)) == (150, 50)
    assert size(jpeg(np.zeros((60, 100), np.uint8), 150)) == (60, 100)
