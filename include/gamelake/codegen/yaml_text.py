"""Texts in files of YAML that are generated."""

from __future__ import annotations

import json

import yaml


def scalar(text: str, *, flow: bool = False) -> str:
    """Return a text as YAML: plain if that reads the same, else as a JSON string, which YAML reads too."""
    try:
        is_plain = yaml.safe_load(f"[{text}]" if flow else f"key: {text}") == ([text] if flow else {"key": text})
    except yaml.YAMLError:
        is_plain = False
    return text if is_plain else json.dumps(text, ensure_ascii=False)
