"""Checks of a data set before an hour is lost: files, labels, parts, duplicates, shortcuts."""

from hilum.doctor.examine import doctor
from hilum.doctor.report import Check, Report

__all__ = ["Check", "Report", "doctor"]
