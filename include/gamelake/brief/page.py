"""The page of a brief: one HTML file without scripts, and without a request to another host."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gamelake.brief.wording import Text
    from gamelake.words import Language

STYLE = """
:root { color-scheme: light dark; }
body { margin: 0 auto; max-width: 44rem; padding: 2rem 1rem; font: 1rem/1.55 system-ui, "Noto Sans KR", sans-serif;
  color: light-dark(#1a202c, #e8ecf2); background: light-dark(#ffffff, #10151d); overflow-wrap: anywhere; }
h1 { font-size: 1.6rem; margin: 0 0 .5rem; }
h2 { font-size: 1.1rem; margin: 1.75rem 0 .5rem; }
ul { margin: 0; padding-left: 1.2rem; }
li { margin: .2rem 0; }
footer { margin-top: 2.5rem; font-size: .85rem; color: light-dark(#4a5568, #a3aebd); }
a { color: light-dark(#0b5394, #8ab8ff); }
"""


def html_of(text: Text, language: Language, *, other: str) -> str:
    """Return the page.

    Args:
        text: What it shows; names of games in it are data, so all of it is escaped.
        language: The language of the text.
        other: The address of the page in the other language.
    """
    sections = "\n".join(
        f"<h2>{escape(section.heading)}</h2>\n<ul>\n"
        + "\n".join(f'<li dir="auto">{escape(line)}</li>' for line in section.lines)
        + "\n</ul>"
        for section in text.sections
    )
    name = "한국어" if language == "en" else "English"
    return (
        f'<!doctype html>\n<html lang="{language}">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(text.title)}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n<main>\n"
        f"<h1>{escape(text.title)}</h1>\n<p>{escape(text.opening)}</p>\n{sections}\n</main>\n"
        f'<footer>{escape(text.foot)} <a href="{escape(other)}">{name}</a></footer>\n</body>\n</html>\n'
    )
