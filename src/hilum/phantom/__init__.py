"""Drawn chest X-rays with known findings: a study to try everything on, without any download."""

from hilum.phantom.anatomy import Shot
from hilum.phantom.person import Person, draw_person
from hilum.phantom.plan import draw_shot
from hilum.phantom.planted import Faults
from hilum.phantom.render import Picture, render
from hilum.phantom.signs import FINDINGS, Sign
from hilum.phantom.study import Phantom, make_phantom

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
