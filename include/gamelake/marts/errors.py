"""Errors of the marts."""

from __future__ import annotations


class TransformError(Exception):
    """Marts cannot be built, published or shown; the message states what is missing and what to do."""
