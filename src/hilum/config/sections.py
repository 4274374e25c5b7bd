"""Every knob of a run, in named sections, each with a sentence under it.

A section is frozen and checked when it is made. Functions receive their own section, never the whole.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Literal

from pydantic import Field, field_validator, model_validator

from hilum.config.section import AtLeastOne, Count, NonNegative, Positive, Section, Share

Films = Literal["auto", "only", "any"]


class DataConfig(Section):
    """Which data, which findings, how many images."""

    path: str = ""
    """A pack's folder, or `SOURCE:FOLDER` (packed first, into the cache); usually given as `--data`."""
    options: dict[str, str | bool | int | float | tuple[str, ...]] = Field(default_factory=dict)
    """Options of the source for `SOURCE:FOLDER`, as `hilum sources SOURCE` lists them; usually `--option`."""
    findings: tuple[str, ...] = ()
    """The findings to learn and score, in this order; empty means all that the data has."""
    subset: Count = 0
    """Use about this many images, drawn by whole patients, for quick runs; 0 means all."""
    attributes: str = ""
    """A CSV or Parquet file with image_id (or path) and columns to show scores by, e.g. `drain`."""


class CleanConfig(Section):
    """Which rows of the table take part. An empty list or 0 filters nothing."""

    views: tuple[Literal["frontal", "lateral"], ...] = ()
    """Keep these views."""
    projections: tuple[Literal["AP", "PA", "LL"], ...] = ()
    """Keep these projections."""
    parts: tuple[Literal["train", "valid", "test"], ...] = ()
    """Keep rows of these parts of the data set's official split."""
    studies_below: Count = 0
    """Keep studies numbered below this (needs a source that numbers a patient's studies)."""
    min_age: NonNegative = 0
    """Keep patients of at least this age in years; rows of unknown age go too where this is set."""
    films: Films = "auto"
    """While packing, leave out pictures that are no chest films; `auto`: unless most are none; `any`: keep all."""


class LabelsConfig(Section):
    """What uncertain (-1) and blank (not mentioned) labels become."""

    uncertain: Literal["zeros", "ones", "ignore", "smooth", "multiclass"] = "ignore"
    """-1 becomes 0, 1, not scored, a soft positive of `smooth_value`, or a third class of its own."""
    blank: Literal["zeros", "ignore"] = "zeros"
    """A finding that the report does not mention is negative, or not scored."""
    smooth_value: Share = 0.7
    """The training target of an uncertain label under `smooth` (0.55 to 0.85 in Pham et al. 2019)."""
    overlay: str = ""
    """A CSV of verdicts on labels (`image_id, finding, verdict, by, when`); usually given as `--labels`."""
    verdicts: Literal["correct", "drop"] = "correct"
    """What a verdict of another label does: the label is corrected, or it is no longer known."""


class SplitConfig(Section):
    """How rows are shared out to train, valid and test."""

    by: Literal["patient", "image", "official", "file"] = "patient"
    """`patient` keeps all images of a patient in one part; `image` does not, and every score then says so."""
    keep_official: bool = True
    """Rows that the data set assigns to test (or valid) stay there; only its train part is divided."""
    valid: Share = 0.2
    """Share of the divided rows that becomes the validation part."""
    test: Share = 0.0
    """Share of the divided rows that becomes the test part, where no official one is kept."""
    folds: Count = 0
    """Divide into this many folds instead of by `valid`; 0 means no folds."""
    fold: Count = 0
    """Which fold is the validation part, from 0."""
    seed: Annotated[int, Field(ge=0, lt=2**31)] = 0
    """The split, and the draw of `data.subset`, follow from this, not from the run's `seed`; repeats share it."""
    file: str = ""
    """A CSV or Parquet file with columns image_id and part, for `by = "file"`."""

    @model_validator(mode="after")
    def _consistent(self) -> SplitConfig:
        if self.valid + self.test >= 1:
            raise ValueError(f"valid + test = {self.valid + self.test:g} leaves nothing to train on")
        if self.folds == 1 or (self.folds and self.fold >= self.folds):
            raise ValueError(
                f"fold = {self.fold} with folds = {self.folds}: folds is 0 or >= 2, fold is below it"
            )
        if (self.by == "file") != bool(self.file):
            raise ValueError('by = "file" and file = "..." go together')
        return self


class PrepareConfig(Section):
    """How an image file becomes the square that the network sees; stored in the pack and in the run."""

    size: Annotated[int, Field(ge=16, le=4096)] = 320
    """Width and height in pixels."""
    fit: Literal["squash", "crop", "pad"] = "squash"
    """Squash to the square, crop the centre of the longer side, or pad the shorter side with black."""
    clahe: NonNegative = 0.0
    """Clip limit of contrast-limited adaptive histogram equalisation on 8 x 8 tiles; 0 means none."""


class LimitsConfig(Section):
    """What one image file may cost; a file that would cost more is refused before it is decoded."""

    pixels: AtLeastOne = 64_000_000
    """Pixels of one picture, as its header says; a chest film has at most 20 million. Time goes with them."""
    bytes: AtLeastOne = 2**28
    """Bytes of the file, and of the picture when unpacked."""


class SamplingConfig(Section):
    """Which training images an epoch shows; validation and test are never resampled."""

    kind: Literal["all", "oversample", "finding", "class"] = "all"
    """All once; rare label vectors up to `min_count`; every finding, or both classes of one, equally often."""
    min_count: Count = 0
    """`oversample`: a group of equal label vectors with fewer rows is resampled up to this count."""
    finding: str = ""
    """`class`: the finding whose positives and negatives are to be shown equally often."""


class AugmentConfig(Section):
    """Random changes of training images, drawn per image and applied to a whole batch at once."""

    share: Share = 0.2
    """Share of the training images that is changed at all."""
    degrees: Annotated[float, Field(ge=0, le=180)] = 5.0
    """Rotation is drawn from -degrees to +degrees."""
    translate: Share = 0.05
    """Shift in each direction, up to this share of the side."""
    shear: Annotated[float, Field(ge=0, le=60)] = 5.0
    """Horizontal shear is drawn from -shear to +shear degrees."""
    scale: Annotated[float, Field(ge=0, lt=1)] = 0.0
    """Zoom is drawn from 1 - scale to 1 + scale."""
    flip: Share = 0.0
    """Probability of a left-right flip. It moves the heart to the right side: 0 unless you mean it."""
    brightness: Share = 0.2
    """Brightness factor is drawn from 1 - brightness to 1 + brightness."""
    contrast: Share = 0.1
    """Contrast factor about the image's own mean is drawn from 1 - contrast to 1 + contrast."""
    erase: Share = 0.0
    """Probability that one rectangle of 2 to 20 % of the area is replaced by the training mean."""
    extra: tuple[str, ...] = ()
    """Augmentations of plugins, after these, in this order; each draws for every training image."""


class ModelConfig(Section):
    """Which network."""

    name: str = "resnet18"
    """A name from `hilum models`, or `timm:NAME` for any network of timm."""
    channels: Literal[1, 3] = 1
    """1: one gray channel (a pretrained first layer is folded to it). 3: the gray image repeated."""
    weights: str = ""
    """Empty: from scratch. `pretrained`: the network's published weights. Else a run's folder, or a file."""
    normalise: Literal["weights", "data"] = "weights"
    """Pixels are normalised as the weights were trained, where that is known; or by the training part."""
    head: str = ""
    """A run (of `hilum heads`, say) whose backbone and head training starts from, exactly as they are."""
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.0
    """Dropout before the classifier, and within one of kind `mlp`."""
    pooling: Literal["avg", "max", "both", "lse", "attention"] = "avg"
    """How the feature map becomes one vector: mean, maximum, these side by side, log-sum-exp, attention."""
    classifier: Literal["linear", "mlp", "knn"] = "linear"
    """What turns the vector into logits: one layer, two, or the nearest training images."""
    hidden: AtLeastOne = 128
    """`mlp`: width of the layer between."""
    neighbours: AtLeastOne = 15
    """`knn`: how many training images have a say."""


class FinetuneConfig(Section):
    """How much of a network that has weights already learns, and when."""

    learn: Literal["whole", "head", "staged"] = "whole"
    """All of it; the head alone (pooling and classifier); or the head for `head_epochs`, then all of it."""
    head_epochs: AtLeastOne = 1
    """`staged`: epochs in which the head learns alone; the schedule then begins anew for the rest."""
    start_at: str = ""
    """`whole`, `staged`: the backbone learns from this block on, as `hilum models NAME` lists them."""
    backbone_lr: Positive = 1.0
    """Learning rate of the backbone, as a multiple of `optimizer.lr`; the schedule multiplies both."""
    batch_norm: Literal["learn", "frozen"] = "learn"
    """`frozen`: batch norm of the blocks that learn keeps its statistics too; frozen blocks' always does."""


class LossConfig(Section):
    """What training minimises."""

    kind: str = "bce"
    """`bce`, `frequency` (each class weighs as the other's frequency), `focal`, `asymmetric`, or a plugin's."""
    reduction: Literal["mean", "sum", "per_finding"] = "mean"
    """Mean or sum over scored labels, or the sum over findings of each one's mean."""
    positive_weight: Literal["none", "balanced"] | tuple[Positive, ...] = "none"
    """`balanced` is negatives / positives per finding in the training part; or one number per finding."""
    smoothing: Annotated[float, Field(ge=0, lt=1)] = 0.0
    """Targets move this far towards 0.5."""
    gamma: NonNegative = 2.0
    """`focal`: how far easy examples count less (Lin et al. 2017)."""
    gamma_negative: NonNegative = 4.0
    """`asymmetric`: the same for negatives (Ridnik et al. 2021)."""
    gamma_positive: NonNegative = 1.0
    """`asymmetric`: the same for positives."""
    clip: Annotated[float, Field(ge=0, lt=1)] = 0.05
    """`asymmetric`: probabilities of negatives below this cost nothing."""


class OptimizerConfig(Section):
    """How weights move."""

    kind: Literal["adam", "adamw", "sgd"] = "adamw"
    """Adam with L2 in the gradient, AdamW with decoupled decay, or SGD with Nesterov momentum."""
    lr: Positive = 1e-3
    """Peak learning rate."""
    weight_decay: NonNegative = 1e-2
    """Weight decay (for `adam` and `sgd` this is L2 in the gradient); not applied to biases and norms."""
    momentum: Annotated[float, Field(ge=0, lt=1)] = 0.9
    """`sgd`: momentum; `adam` and `adamw`: the first beta."""


class ScheduleConfig(Section):
    """How the learning rate changes."""

    kind: Literal["constant", "step", "cosine", "one_cycle", "plateau"] = "cosine"
    """Constant; x `factor` every `every` epochs; half a cosine to 0; one-cycle; x `factor` when stuck."""
    warmup: Share = 0.05
    """Share of all steps over which the rate rises linearly (`cosine`) or to the peak (`one_cycle`)."""
    every: AtLeastOne = 1
    """`step`: epochs between two steps."""
    factor: Annotated[float, Field(gt=0, lt=1)] = 0.1
    """`step`, `plateau`: the rate is multiplied by this."""
    patience: Count = 2
    """`plateau`: epochs without a better validation score before the rate falls."""


class TrainConfig(Section):
    """The loop itself."""

    epochs: AtLeastOne = 8
    """Passes over the training part."""
    batch: AtLeastOne = 32
    """Images per step, over all processes."""
    accumulate: AtLeastOne = 1
    """Add up the gradients of this many steps before the weights move."""
    clip: NonNegative = 0.0
    """Largest norm of the gradient; 0 means unlimited."""
    ema: Annotated[float, Field(ge=0, lt=1)] = 0.0
    """Decay of the running mean of the weights, which is then what is validated and kept; 0 means none."""
    select: str = "roc_auc"
    """The validation score that decides which epoch is best: `loss`, or a score of `hilum.metrics`."""
    select_after: Count = 0
    """Epochs before which none counts as best."""
    patience: Count = 0
    """Stop after this many epochs without a better `select`; 0 means never."""
    keep_epochs: bool = False
    """Keep the weights of every epoch, not just the best, so that `hilum ensemble` can average them."""
    checkpoint_minutes: NonNegative = 10.0
    """Within a long epoch, save a state to resume from this often; 0 means only after epochs."""
    precision: Literal["auto", "fp32", "bf16"] = "auto"
    """`auto` is bf16 where the processor has instructions for it, else fp32."""
    channels_last: bool = True
    """Keep images as [n, height, width, channel] in memory, which convolutions run faster on."""
    compile: bool = False
    """Compile the model with torch.compile: slower to start, faster to run."""
    device: str = "auto"
    """`auto` is the first CUDA device if there is one, else the CPU."""
    deterministic: bool = True
    """Same numbers from the same config, data and machine, at a small cost on CUDA."""


class ScoresConfig(Section):
    """How logits become decisions and scores. Calibration and thresholds are always fitted on validation."""

    unit: Literal["image", "study", "patient"] = "image"
    """What is judged as one: every image, all images of a study, or all of a patient."""
    combine: Literal["max", "mean"] = "max"
    """`study`, `patient`: the largest logit of its images, or their mean."""
    calibrate: Literal["none", "temperature", "platt", "isotonic"] = "none"
    """How logits become probabilities, per finding: as they are, divided, divided and shifted, or by steps."""
    threshold: Literal["fixed", "youden", "accuracy", "f1", "f_beta", "recall", "precision"] = "fixed"
    """Use `value`; or per finding the best Youden index, accuracy, F1 or F-beta; or what reaches `at_least`."""
    beta: Positive = 2.0
    """`f_beta`: how much more recall counts than precision."""
    at_least: Share = 0.95
    """`recall`: the highest threshold that finds this share. `precision`: the most found at this precision."""
    value: Share | tuple[Share, ...] | dict[str, Share] = 0.5
    """`fixed`: one probability for all findings, one per finding in order, or a table by name (others 0.5)."""
    include: tuple[str, ...] = ()
    """Show only these findings in tables and reports; empty means all. Means are then over these."""
    intervals: Literal["auto", "percentile", "bca", "none"] = "auto"
    """The method best for each score, or one bootstrap method for all; all images of a patient count together."""
    level: Annotated[float, Field(ge=0.5, lt=1)] = 0.95
    """How often an interval is to hold the true value."""
    replicates: Annotated[int, Field(ge=100, le=100_000)] = 1000
    """Bootstrap samples of patients."""
    max_fpr: Annotated[float, Field(gt=0, le=1)] = 0.1
    """The partial AUC is the area up to this false positive rate."""

    @field_validator("value", mode="before")
    @classmethod
    def _probabilities(cls, value: object) -> object:
        named = value.values() if isinstance(value, dict) else value
        given = list(named) if isinstance(named, Iterable) and not isinstance(named, str) else [named]
        wrong = [
            str(v)
            for v in given
            if isinstance(v, bool | str) or (isinstance(v, int | float) and not 0 <= v <= 1)
        ]
        expected = "expected one number within 0..1, a list of them or a table by finding"
        if wrong:
            raise ValueError(f"thresholds are probabilities: {expected}; came: {', '.join(wrong)}")
        return value


class PredictConfig(Section):
    """Test-time augmentation: logits are averaged over changed copies of each image, after training alone."""

    flip: bool = False
    """Also look at the mirror image."""
    shift: Annotated[float, Field(ge=0, le=0.2)] = 0.0
    """Also look at the image shifted up, down, left and right by this share of its side."""


class TrackConfig(Section):
    """What is shown and written while a run trains, beside the run's own folder."""

    columns: tuple[str, ...] = ("roc_auc", "average_precision", "recall", "precision", "f1", "accuracy")
    """Scores of the line after each epoch: names as in `hilum.metrics`, means over findings."""
    parts: tuple[Literal["train", "valid"], ...] = ("valid",)
    """Parts whose scores are in that line."""
    per_finding: bool = False
    """Also a line for each finding."""
    tensorboard: Literal["auto", "on", "off"] = "auto"
    """Write TensorBoard events into the run's folder; `auto` does where the package tensorboard is installed."""
    mlflow: str = ""
    """Also log to this MLflow server or file, e.g. `sqlite:///mlflow.db`; empty means not."""
    callbacks: tuple[str, ...] = ()
    """Callbacks of plugins, which are told of every step and epoch."""


class Config(Section):
    """A whole run."""

    name: str = ""
    """What the run is called; its folder is this name and a number."""
    notes: str = ""
    """Anything worth knowing: what a recipe reproduces, and its commands."""
    measured: str = ""
    """What a recipe scored where it was measured; shown of runs on the very same table alone."""
    measured_on: str = ""
    """The fingerprint of that table, the `table_fingerprint` in data.json of its runs."""
    seed: Annotated[int, Field(ge=0, lt=2**31)] = 0
    """Every draw of the training follows from this; which images it is given follows from `split.seed`."""
    plugins: tuple[str, ...] = ()
    """Files (beside the recipe), modules or entry points with parts of your own; see docs/extending.md."""
    data: DataConfig = DataConfig()
    clean: CleanConfig = CleanConfig()
    labels: LabelsConfig = LabelsConfig()
    split: SplitConfig = SplitConfig()
    prepare: PrepareConfig = PrepareConfig()
    limits: LimitsConfig = LimitsConfig()
    sampling: SamplingConfig = SamplingConfig()
    augment: AugmentConfig = AugmentConfig()
    model: ModelConfig = ModelConfig()
    finetune: FinetuneConfig = FinetuneConfig()
    loss: LossConfig = LossConfig()
    optimizer: OptimizerConfig = OptimizerConfig()
    schedule: ScheduleConfig = ScheduleConfig()
    train: TrainConfig = TrainConfig()
    scores: ScoresConfig = ScoresConfig()
    predict: PredictConfig = PredictConfig()
    track: TrackConfig = TrackConfig()

    @model_validator(mode="after")
    def _consistent(self) -> Config:
        if bool(self.measured) != bool(self.measured_on):
            raise ValueError("measured and measured_on go together: figures, and the table that they are of")
        if self.sampling.kind == "class" and not self.sampling.finding:
            raise ValueError('sampling.kind = "class" needs sampling.finding')
        if self.model.head and self.model.weights:
            raise ValueError("model.head brings its backbone's weights: model.weights does not go with it")
        if self.finetune.start_at and self.finetune.learn == "head":
            raise ValueError('finetune.start_at names a block that learns, and learn = "head" freezes all')
        if self.finetune.learn == "staged" and self.finetune.head_epochs >= self.train.epochs:
            raise ValueError(
                f"finetune.head_epochs = {self.finetune.head_epochs} of train.epochs = {self.train.epochs} leaves "
                'none for the backbone; finetune.learn = "head" trains the head alone'
            )
        weights, findings = self.loss.positive_weight, len(self.data.findings)
        if isinstance(weights, tuple) and findings not in (0, len(weights)):
            raise ValueError(f"loss.positive_weight has {len(weights)} numbers for {findings} findings")
        return self
