"""The knobs of commands that are no training: sections like a run's, of which a run's `config.toml` has none.

A command's options, its Python function's keywords and its table in `docs/settings.md` are made from these fields.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from hilum.config.section import AtLeastOne, Count, Positive, Section, Share
from hilum.config.sections import Config

_Seed = Annotated[int, Field(ge=0, lt=2**31)]


class _OnDevice(Section):
    """A section of work that a GPU may do."""

    device: str = "auto"
    """`auto` is the first CUDA device if there is one, else the CPU; or `cpu`, `cuda`, `cuda:1`."""


class _OfStore(_OnDevice):
    """A section of work on the vectors of a feature store."""

    encoder: str = ""
    """Whose vectors, by name or fingerprint, where the store has several encoders'."""
    where: str = ""
    """Only images that fulfil this condition, such as `sex = 'F' and age > 60`."""


class PhantomConfig(Section):
    """A study of drawn chest X-rays, or of containers, and what is planted in it."""

    patients: AtLeastOne = 500
    """How many patients, or containers."""
    layout: Literal["chexpert", "nih", "pneumonia", "folder", "dicom", "containers"] = "chexpert"
    """The official layout of that data set; or containers."""
    seed: _Seed = 0
    """Same seed, same bytes."""
    size: AtLeastOne = 320
    """Pixels of each image's shorter side."""
    masks: bool = False
    """Also write a mask per finding and image."""
    flip_labels: Share = 0.0
    """Planted: this share of each finding's labels is wrong."""
    shortcut: str = ""
    """Planted: ECG leads lie on patients with this finding (lorries carry containers of this class)."""
    shortcut_strength: Share = 0.9
    """Planted: correlation of leads and finding."""
    leak: Count = 0
    """Planted: patients with images in two parts."""
    damage: Count = 0
    """Planted: empty, truncated and garbage files."""
    duplicates: Count = 0
    """Planted: studies that occur again as another patient's."""
    monochrome1: bool = False
    """Planted: every second DICOM file is MONOCHROME1."""
    age_gap: str = ""
    """Planted: this finding is drawn fainter from 60 years on."""
    age_gap_strength: Share = 0.8
    """Planted: how much fainter; at 1 it is labelled and cannot be seen."""
    workers: Count = 0
    """Processes; 0 means one per processor."""


class DoctorConfig(Section):
    """How a data set is examined."""

    findings: tuple[str, ...] = ()
    """Examine these findings; empty means the recipe's, or all."""
    size: Count = 0
    """The side in pixels at which the images are to be used; 0 means the recipe's, or not known yet."""
    fast: bool = False
    """Examine the table only; open no image."""
    max_bad: Share = 0.01
    """Share of images that may be missing or unreadable before that is a fault."""
    workers: Count = 0
    """Threads that read images; 0 means a few more than there are processors."""


class PackConfig(Section):
    """How a pack is made; what is in it follows from `[prepare]`, `[clean]` and `[limits]`."""

    workers: Count = 0
    """Threads; 0 means one a core."""
    max_excluded: Share = 0.01
    """Share of images that may be unreadable; they are left out."""


class AugmentPackConfig(Section):
    """Changed copies of a pack's images; what may be done to each follows from the strength and `[augment]`."""

    copies: AtLeastOne = 5
    """Changed copies of each image."""
    strength: Literal["mild", "strong"] = "mild"
    """`mild`: as films vary. `strong`: further, mirrored and with holes."""
    seed: _Seed = 0
    """Same seed, same copies."""
    parts: tuple[Literal["train", "valid"], ...] = ("train",)
    """Copy images of these official parts, beside those that are in none; never of test."""
    workers: Count = 0
    """Threads; 0 means one a core."""


class EmbedConfig(_OnDevice):
    """How images become vectors."""

    weights: str = ""
    """Of a network by name: `pretrained` (the default), a file, or a run's folder."""
    precision: Literal["auto", "fp32", "bf16"] = "auto"
    """Numbers that the network counts in; vectors of another precision are another encoder's."""
    batch: Count = 0
    """Images per step of the network; 0 means what suits the device."""
    replace: bool = False
    """Embed images anew whose pixels have changed, and drop the vectors of former weights."""


class SimilarConfig(_OfStore):
    """Which images of a store are most like one."""

    top: AtLeastOne = 10
    """How many."""
    pooling: Literal["avg", "max", "both"] = "avg"
    """Compare mean vectors, maximum vectors, or both side by side."""


class HeadsConfig(_OfStore):
    """Which heads are tried on stored vectors, and how they are judged."""

    findings: tuple[str, ...] = ()
    """The findings to learn; empty means the recipe's, or all."""
    search: Literal["grid", "random"] = "grid"
    """Every combination of the built-in values, or drawn ones."""
    candidates: Count = 0
    """`random`: how many are drawn; 0 means 100."""
    kinds: tuple[Literal["logistic", "svm", "knn", "mlp"], ...] = ()
    """Kinds of heads; empty means all."""
    poolings: tuple[Literal["avg", "max", "both"], ...] = ()
    """Vectors that heads look at, `both` side by side; empty means all three."""
    by: str = "roc_auc"
    """The score that decides, out of fold, as mean over findings."""
    folds: Annotated[int, Field(ge=2)] = 5
    """Parts that training patients are dealt to."""
    data: str = ""
    """The pack to learn from, where the store has vectors of several."""
    labels: str = ""
    """A CSV of verdicts on labels (`image_id, finding, verdict, by, when`); empty means the recipe's."""
    name: str = ""
    """What the run is called; empty means after the recipe, or its findings."""
    seed: _Seed | None = None
    """Of folds, draws and first weights; the recipe's by default."""


class NoiseConfig(_OfStore):
    """How labels that are probably wrong are looked for."""

    findings: tuple[str, ...] = ()
    """The findings to look at; empty means all that can be learned."""
    folds: Annotated[int, Field(ge=2)] = 5
    """Parts that patients are dealt to."""
    repeats: AtLeastOne = 3
    """Average over so many ways to deal them."""
    threshold: Annotated[float, Field(gt=0.5, lt=1)] = 0.9
    """An error is confident from this probability of the other label on."""
    neighbours: AtLeastOne = 5
    """Neighbours shown with each suspect."""
    top: AtLeastOne | None = None
    """List so many per finding, the worst first, whatever the reason; all with a reason by default."""
    test: bool = False
    """Look at official test images too."""
    uncertain: Literal["zeros", "ones", "ignore"] = "ignore"
    """An uncertain label (-1) is negative, positive, or left out."""
    blank: Literal["zeros", "ignore"] = "zeros"
    """A finding that is not mentioned is negative, or left out."""
    labels: str = ""
    """A CSV of verdicts that readers have given already: learned from, and not listed again."""
    accept: Count = 0
    """In the overlay that is written, call the labels of the first so many of each finding wrong."""
    reader: str = "hilum noise"
    """`accept`: whose verdict that is."""
    seed: _Seed = 0
    """Of the folds."""


class EvaluateConfig(_OnDevice):
    """How a part of a run's data is scored."""

    part: Literal["test", "valid", "train"] = "test"
    """The part of the run's own split to score."""
    per: Literal["image", "study", "patient"] | None = None
    """Judge every image, study or patient; the run's own unit by default."""
    combine: Literal["max", "mean"] | None = None
    """A study's or patient's logit is the largest of its images', or their mean; the run's own by default."""
    findings: tuple[str, ...] = ()
    """Give scores of these findings, and means over them; the run keeps those of all."""
    again: bool = False
    """Look at the images even where the run has kept their predictions."""


class CompareConfig(Section):
    """How runs are compared."""

    by: str = "roc_auc"
    """The score: `roc_auc`, `average_precision`, `recall`, `f1`, `brier`, ..."""
    part: Literal["test", "valid", "train"] = "test"
    """The part whose images they are judged on; every run needs predictions of it."""
    findings: tuple[str, ...] = ()
    """Compare these findings, means are over them; empty means all."""


class EnsembleConfig(_OnDevice):
    """How runs, or epochs of runs, are averaged."""

    of: Literal["probabilities", "logits"] = "probabilities"
    """What is averaged."""
    raw: bool = False
    """Average what the models say, rather than that calibrated as each member's run asks."""
    weights: tuple[Positive, ...] = ()
    """How much each member counts, as in 2,1,1; empty means all the same."""


class PredictFilesConfig(_OnDevice):
    """How image files are looked at."""

    force: bool = False
    """Give probabilities also of pictures that are none of the kind that the run learned."""


COMMANDS: dict[str, type[Section]] = {
    "phantom": PhantomConfig,
    "doctor": DoctorConfig,
    "pack": PackConfig,
    "augment_pack": AugmentPackConfig,
    "embed": EmbedConfig,
    "similar": SimilarConfig,
    "heads": HeadsConfig,
    "noise": NoiseConfig,
    "evaluate": EvaluateConfig,
    "compare": CompareConfig,
    "ensemble": EnsembleConfig,
    "predict_files": PredictFilesConfig,
}
"""Section -> its class, in the order in which a user meets them."""

SECTIONS: dict[str, type[Section]] = {
    "": Config,
    **{name: type(one) for name, one in Config() if isinstance(one, Section)},
    **COMMANDS,
}
"""The same of all sections: those of a run, of which the first has no name, and those of commands."""
