"""Pictures: anatomy is where it belongs, and each finding changes the picture where its mask says."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from hilum_phantom import FINDINGS, Person, Shot, Sign, draw_person, draw_shot, render
from hilum_phantom.chest.devices import DEVICES
from hilum_phantom.chest.signs import EXTRA_FINDINGS, OPACITIES

SIZE = 160
BRIGHTER = {
    *OPACITIES,
    "Lung Opacity",
    "Pleural Effusion",
    "Pleural Other",
    "Cardiomegaly",
    "Support Devices",
}
DRAWN = [name for name in (*FINDINGS, *EXTRA_FINDINGS) if name != "No Finding"]


def person(seed: int = 5, ages: tuple[float, float] = (40, 60)) -> Person:
    return draw_person(1, seed, ages)


def shot(projection: str = "PA", seed: int = 9) -> Shot:
    """A centred picture without a collimator's border."""
    still = draw_shot(projection, seed)
    return replace(still, tilt=0, turn=0, shift=(0, 0), zoom=1.0, aspect=1.0, inspiration=0)


def sign(finding: str, severity: float = 0.7, sides: str = "R", zone: str = "lower") -> Sign:
    devices = ("central_line", "pacemaker") if finding == "Support Devices" else ()
    return Sign(finding, severity, sides, zone, 77, devices)


@pytest.mark.parametrize("projection", ["AP", "PA", "LL"])
def test_the_same_arguments_give_the_same_pixels(projection: str) -> None:
    draw = [render(person(), shot(projection), (sign("Edema"), sign("Fracture")), SIZE) for _ in range(2)]
    assert draw[0].gray.tobytes() == draw[1].gray.tobytes()
    assert draw[0].gray.dtype == np.uint8
    assert draw[0].boxes == draw[1].boxes


@pytest.mark.parametrize("aspect", [0.8, 1.0, 1.25])
def test_the_shorter_side_is_the_size(aspect: float) -> None:
    gray = render(person(), replace(shot(), aspect=aspect), (), SIZE).gray
    assert min(gray.shape) == SIZE
    assert gray.shape[1] / gray.shape[0] == pytest.approx(aspect, abs=0.02)


@pytest.mark.parametrize("ages", [(0.2, 1), (7, 9), (30, 40), (80, 90)])
@pytest.mark.parametrize("projection", ["AP", "PA"])
def test_lungs_are_dark_and_heart_spine_and_abdomen_bright(
    ages: tuple[float, float], projection: str
) -> None:
    gray = render(person(3, ages), shot(projection), (), SIZE).gray.astype(float)
    lung = np.median(gray[60:90, [*range(38, 56), *range(108, 120)]])
    heart, abdomen = np.median(gray[90:105, 80:92]), np.median(gray[140:150, 60:100])
    assert lung + 40 < heart < 255
    assert lung + 40 < abdomen
    assert gray.std() > 40


def test_patients_differ_and_a_patient_stays_alike() -> None:
    def difference(a: Person, b: Person) -> float:
        pictures = [render(p, shot(), (), SIZE).gray.astype(float) for p in (a, b)]
        return float(np.abs(pictures[0] - pictures[1]).mean())

    same = difference(person(5), replace(person(5), age=person(5).age + 1))
    assert same < 3 < difference(person(5), person(6))


@pytest.mark.parametrize("finding", DRAWN)
@pytest.mark.parametrize("projection", ["PA", "AP", "LL"])
def test_a_finding_changes_the_picture_inside_its_mask(finding: str, projection: str) -> None:
    healthy = render(person(), shot(projection), (), SIZE)
    ill = render(person(), shot(projection), (sign(finding),), SIZE)
    mask = ill.masks[finding] > 0
    change = ill.gray.astype(float) - healthy.gray
    assert ill.boxes[finding]
    assert mask.any()
    assert np.abs(change[mask]).mean() > 1.5 * np.abs(change[~mask]).mean()
    if finding in BRIGHTER:
        assert change[mask].mean() > 3
    if finding in {"Pneumothorax", "Emphysema"} and projection == "PA":
        assert change[mask].mean() < -1


@pytest.mark.parametrize("finding", ["Pleural Effusion", "Cardiomegaly", "Pneumothorax", "Lung Lesion"])
def test_the_worse_the_larger(finding: str) -> None:
    areas = [
        int((render(person(), shot(), (sign(finding, s),), SIZE).masks[finding] > 0).sum())
        for s in (0.05, 0.5, 1)
    ]
    assert areas[0] < areas[1] < areas[2]


def test_findings_lie_on_their_side() -> None:
    for sides, low, high in (("R", 0.0, 0.55), ("L", 0.45, 1.0)):
        for finding in ("Consolidation", "Pneumothorax", "Pleural Effusion", "Fracture"):
            boxes = render(person(), shot(), (sign(finding, sides=sides),), SIZE).boxes[finding]
            assert boxes
            for x, _, width, _ in boxes:
                assert low <= x
                assert x + width <= high


def test_no_vessels_beyond_the_pleural_line() -> None:
    from hilum_phantom.chest.film import make_canvas
    from hilum_phantom.chest.frontal import frontal_anatomy
    from hilum_phantom.chest.layers import draw_layers
    from hilum_phantom.chest.pleura import pneumothorax
    from hilum_phantom.chest.signs import Scene, anatomy_changes

    view, patient = shot(), person()
    anatomy = frontal_anatomy(patient, view, anatomy_changes(()))
    layers = draw_layers(anatomy, patient, make_canvas(view, SIZE), np.random.default_rng(0))
    before = layers.vessels.copy()
    mask = pneumothorax(Scene(layers, anatomy, patient, view), sign("Pneumothorax")) > 0
    core = mask & (layers.lungs["R"] > 0.99)
    assert before[core].max() > 0.03
    assert np.median(layers.vessels[core]) == 0
    assert (layers.vessels[core] < 0.05 * before[core] + 0.01).mean() > 0.9


def test_an_opacity_is_a_lung_opacity_too() -> None:
    picture = render(person(), shot(), (sign("Consolidation"), sign("Lung Lesion", zone="upper")), SIZE)
    both = np.maximum(picture.masks["Consolidation"], picture.masks["Lung Lesion"])
    assert (picture.masks["Lung Opacity"] == both).all()


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("projection", ["AP", "LL"])
def test_every_device_is_bright(device: str, projection: str) -> None:
    bare = render(person(), shot(projection), (), SIZE).gray.astype(int)
    worn = replace(sign("Support Devices"), devices=(device,))
    picture = render(person(), shot(projection), (worn,), SIZE)
    assert (picture.gray - bare).max() > 25
    assert picture.boxes["Support Devices"]


def test_leads_may_lie_on_anyone() -> None:
    bare, leads = (render(person(), shot(), (), SIZE, leads=on) for on in (False, True))
    assert (leads.gray.astype(int) - bare.gray).max() > 40
    assert leads.masks == {}


def test_women_have_breast_shadows_and_bed_films_a_wider_heart() -> None:
    woman = replace(person(), breast=1.0)
    low = np.s_[85:110, 40:60]
    man = render(replace(woman, breast=0.0), shot(), (), SIZE).gray[low].mean()
    assert render(woman, shot(), (), SIZE).gray[low].mean() > man + 4

    def width(projection: str) -> float:
        masks = render(person(), shot(projection), (sign("Cardiomegaly", 0.0),), SIZE).boxes["Cardiomegaly"]
        return masks[0][2]

    assert width("AP") > 1.05 * width("PA")
