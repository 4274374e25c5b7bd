"""What the findings of chest radiographs mean, in a line each: for teaching, not for diagnosis.

F: Hansell DM, Bankier AA, MacMahon H, McLoud TC, Muller NL, Remy J. Fleischner Society: glossary of terms for
thoracic imaging. Radiology 2008;246:697-722. C: Irvin J, Rajpurkar P, Ko M, et al. CheXpert. AAAI 2019;33:590-597.
N: Wang X, Peng Y, Lu L, et al. ChestX-ray8. CVPR 2017;3462-3471. K: Kermany DS, Goldbaum M, Cai W, et al.
Identifying medical diagnoses and treatable diseases by image-based deep learning. Cell 2018;172:1122-1131.

The lines are in our words: after the Fleischner Society where it has the term, else common usage; the data sets'
papers are cited for what their labels cover.
"""

from __future__ import annotations

from dataclasses import dataclass

from hilum.text import plain

SOURCES = {
    "F": "Fleischner Society glossary (Hansell 2008)",
    "C": "CheXpert (Irvin 2019)",
    "N": "ChestX-ray8 (Wang 2017)",
    "K": "Kermany 2018",
}


@dataclass(frozen=True)
class Term:
    """One finding.

    Attributes:
        line: what it is and how it looks on a chest radiograph.
        sources: letters of `SOURCES`: where the term, or the label, is described.
    """

    line: str
    sources: str

    @property
    def cited(self) -> str:
        """The sources in words."""
        return "; ".join(SOURCES[letter] for letter in self.sources)


GLOSSARY: dict[str, Term] = {
    "No Finding": Term(
        "None of the other findings is positive or uncertain; in CheXpert support devices may be there.", "C"
    ),
    "Enlarged Cardiomediastinum": Term(
        "The outline of heart and mediastinum is too wide. Parent label of cardiomegaly.", "C"
    ),
    "Cardiomegaly": Term(
        "An enlarged heart: over half of the chest's inner width on a PA film. AP films enlarge it.",
        "CN",
    ),
    "Lung Opacity": Term(
        "An area of lung whiter than its surroundings, whatever the cause. Parent label of lesion, edema, "
        "consolidation and atelectasis.",
        "FC",
    ),
    "Lung Lesion": Term("A nodule (up to 3 cm) or a mass (over 3 cm) in the lung.", "FC"),
    "Edema": Term(
        "Fluid outside the vessels of the lung: blurred vessels and septal (Kerley) lines, then hazy or dense "
        "opacities, often on both sides around the hila.",
        "CN",
    ),
    "Consolidation": Term(
        "Air in the alveoli is replaced by fluid, pus, blood or cells: a homogeneous opacity that hides vessels "
        "and airway walls; air bronchograms may remain.",
        "FCN",
    ),
    "Pneumonia": Term(
        "Inflammation of the air spaces or interstitium, mostly from infection. A clinical diagnosis: its usual "
        "sign, consolidation, has other causes too.",
        "FCN",
    ),
    "Atelectasis": Term(
        "Loss of volume of all or part of a lung, with increased opacity; fissures, diaphragm or mediastinum may "
        "be drawn towards it.",
        "FCN",
    ),
    "Pneumothorax": Term(
        "Air in the pleural space: a thin visceral pleural line with no lung markings beyond it. Under tension "
        "it pushes the mediastinum away.",
        "FCN",
    ),
    "Pleural Effusion": Term(
        "Fluid in the pleural space: a blunted costophrenic angle and a meniscus on upright films, a veil over "
        "the lung on supine ones.",
        "CN",
    ),
    "Pleural Other": Term(
        "A pleural abnormality other than effusion or pneumothorax, such as thickening.", "C"
    ),
    "Fracture": Term("A broken bone in view, mostly a rib; fresh or healed.", "C"),
    "Support Devices": Term(
        "Tubes, lines, pacemakers, drains and the like. Not a disease, and a shortcut: the sick wear them.",
        "C",
    ),
    "Infiltration": Term(
        "An unspecific word for an opacity in the lung, used in reports but no longer advised: it means "
        "different things to different readers.",
        "FN",
    ),
    "Mass": Term("A pulmonary, pleural or mediastinal lesion over 3 cm across.", "FN"),
    "Nodule": Term("A rounded opacity, well or poorly defined, up to 3 cm across.", "FN"),
    "Emphysema": Term(
        "Permanently enlarged air spaces with destroyed walls: large dark lungs, few vessels, a flat diaphragm.",
        "FN",
    ),
    "Fibrosis": Term(
        "Scarring of the lung: reticular lines, distorted vessels and airways, loss of volume, in late stages "
        "honeycombing.",
        "FN",
    ),
    "Pleural Thickening": Term(
        "Fibrous thickening of the pleura: a band along the chest wall or a blunted costophrenic angle that does "
        "not move as fluid would.",
        "N",
    ),
    "Hernia": Term(
        "Mostly a hiatus hernia: part of the stomach in the chest, a rounded shadow behind the heart, often with "
        "air in it.",
        "N",
    ),
}
"""Findings of CheXpert and NIH ChestX-ray14 by name."""

ALSO = {
    "effusion": "Pleural Effusion",
    "oedema": "Edema",
    "pulmonaryedema": "Edema",
    "infiltrate": "Infiltration",
    "normal": "No Finding",
    "lungnodule": "Nodule",
    "lungmass": "Mass",
}
"""Other names, without case, spaces and signs."""

PAEDIATRIC = Term(
    "Pneumonia of children of one to five years, bacterial (often one lobe consolidated) or viral (more diffuse, "
    "interstitial, both lungs).",
    "K",
)


def explain(finding: str, source: str = "") -> Term | None:
    """What a finding means, or None where it is not known.

    Args:
        finding: its name, in any spelling: `Pleural_Thickening`, `pleural effusion`.
        source: name of the data set's source; `pneumonia` has a line of its own.
    """
    names = {plain(name): name for name in GLOSSARY} | ALSO
    name = names.get(plain(finding))
    if source == "pneumonia" and name == "Pneumonia":
        return PAEDIATRIC
    return GLOSSARY[name] if name else None
