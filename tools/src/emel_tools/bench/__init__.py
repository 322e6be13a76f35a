"""Measurements against controls in the same run; never a gate, and never a timed test."""
