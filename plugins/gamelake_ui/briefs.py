"""The page of a daily brief, behind Airflow's login."""

from __future__ import annotations

from base64 import b64encode
from hashlib import sha256
from html import escape
from typing import TYPE_CHECKING

from fastapi.responses import HTMLResponse

from gamelake.brief.brief import newest_day, read
from gamelake.brief.page import STYLE, html_of
from gamelake.brief.wording import worded
from gamelake.days import PartitionError, parse_day
from gamelake.lake.store import ObjectNotFoundError

if TYPE_CHECKING:
    from gamelake.lake.store import Store
    from gamelake.words import Language

POLICY = "default-src 'none'; frame-ancestors 'self'; base-uri 'none'; form-action 'none'"
_OWN_STYLE = f"style-src 'sha256-{b64encode(sha256(STYLE.encode()).digest()).decode()}'"


def page(store: Store, day: str | None, language: str) -> HTMLResponse:
    """Return the page of a day, by default of the newest brief; if there is none, a page with what to do.

    Raises:
        StoreError: The lake cannot be read.
        DocumentError: The brief is damaged.
    """
    chosen: Language = "ko" if language == "ko" else "en"
    try:
        wanted = parse_day(day) if day else newest_day(store)
        if wanted is None:
            return _told("There is no brief yet: the DAG daily_brief makes one at 09:00 Korean time.", 404)
        brief = read(store, wanted)
    except PartitionError as error:
        return _told(str(error), 404)
    except ObjectNotFoundError:
        return _told(f"There is no brief of {day}: run the DAG daily_brief with this date.", 404)
    other = "en" if chosen == "ko" else "ko"
    return _reply(html_of(worded(brief, chosen), chosen, other=f"brief?day={wanted}&lang={other}"), 200)


def unreadable(error: Exception) -> HTMLResponse:
    """Return a page with why the lake or the brief cannot be read."""
    return _told(f"The lake cannot be read: {error}", 503)


def _told(reason: str, status: int) -> HTMLResponse:
    return _reply(f"<!doctype html>\n<style>{STYLE}</style>\n<p>{escape(reason)}</p>\n", status)


def _reply(text: str, status: int) -> HTMLResponse:
    return HTMLResponse(text, status, headers={"Content-Security-Policy": f"{POLICY}; {_OWN_STYLE}"})
