"""`Config`: every knob of a run. Sections and their fields are in `sections.py`, TOML in `files.py`."""

from hilum.config.files import dump_config, make_config, read_config, settings, write_config
from hilum.config.sections import (
    AugmentConfig,
    CleanConfig,
    Config,
    DataConfig,
    LabelsConfig,
    LossConfig,
    ModelConfig,
    OptimizerConfig,
    PrepareConfig,
    SamplingConfig,
    ScheduleConfig,
    ScoresConfig,
    SplitConfig,
    TrainConfig,
)

__all__ = [
    "AugmentConfig",
    "CleanConfig",
    "Config",
    "DataConfig",
    "LabelsConfig",
    "LossConfig",
    "ModelConfig",
    "OptimizerConfig",
    "PrepareConfig",
    "SamplingConfig",
    "ScheduleConfig",
    "ScoresConfig",
    "SplitConfig",
    "TrainConfig",
    "dump_config",
    "make_config",
    "read_config",
    "settings",
    "write_config",
]
