"""The base of everything that can go wrong in a training for a reason that its user can cure."""

from __future__ import annotations


class TrainingError(Exception):
    """Its text is one sentence that says what to do."""
