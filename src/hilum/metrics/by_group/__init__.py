"""Scores by sex, age, view and other attributes, and which gaps between groups are real."""
