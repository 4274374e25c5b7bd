"""Drawn chest X-rays with known findings: a study to try everything on, without any download."""

from hilum_phantom.chest.anatomy import Shot
from hilum_phantom.chest.person import Person, draw_person
from hilum_phantom.chest.plan import draw_shot
from hilum_phantom.chest.render import Picture, render
from hilum_phantom.chest.signs import FINDINGS, Sign
from hilum_phantom.planted import Faults
from hilum_phantom.study import Phantom, make_phantom

__all__ = [
    "FINDINGS",
    "Faults",
    "Person",
    "Phantom",
    "Picture",
    "Shot",
    "Sign",
    "draw_person",
    "draw_shot",
    "make_phantom",
    "render",
]
