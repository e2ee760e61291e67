"""Marks where two versions of a value differ; the parity library does it, and pages import it from here."""

from integrations.parity.report.text_diff import MarkedTexts, TextPart, mark_differences, mark_outline

__all__ = ["MarkedTexts", "TextPart", "mark_differences", "mark_outline"]
