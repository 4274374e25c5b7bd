"""A run as one page to look at, mail and print."""

from hilum.report.page import write_report

__all__ = ["write_report"]
