"""A data set as one page, before any training."""

from hilum.report.dataset.page import open_pack, write_data_report

__all__ = ["open_pack", "write_data_report"]
