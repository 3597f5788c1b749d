"""Errors of the marts."""

from __future__ import annotations


class TransformError(Exception):
    """Marts cannot be built, published or shown; the message states what is missing and what to do."""


class UnbuildableDayError(TransformError):
    """The day that was asked for has no loads: it is later than the newest one, or before the first one."""
