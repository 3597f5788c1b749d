"""The sentences about a night, in English and Korean."""

from __future__ import annotations

from pathlib import Path

from gamelake.words import Texts

text = Texts(Path(__file__).with_name("texts.toml"))
