"""What RAWG does where no source is sure of it: each is a switch, and its default is what is documented or reported."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class Behaviour:
    """How the local RAWG behaves.

    default_page_size, max_page_size: objects of a page; a larger page_size is cut without an error.
    refuses_large_pages: a larger page_size gets status 400 instead.
    max_pages: no page after it is served, however long the list is. None: all are.
    empty_past_the_end: a page after the last one is an empty page with status 200, not a 404.
    monthly_requests: the quota of the key in a calendar month (UTC) of the source's clock. None: no quota.
    quota_status: the status of a request above the quota.
    counts_failures: replies with a 4xx or 5xx are taken from the quota, but for those about the key.
    counts_stores: `/games/{id}/stores` and other lists below a game are taken from the quota.
    last_day_included: `updated=A,B` and `dates=A,B` include the day B.
    refuses_bad_ranges: a range that cannot be parsed gets status 400, in place of the whole catalogue.
    stable_ties: rows with an equal value of `ordering` have one order on every page, by id.
    updated_in_lists: rows of lists have `updated`; the published schema leaves it out.
    updated_zone: by how much the days and times of `updated` are ahead of UTC, -12 to 14 hours.
    keys_in_links: `next` and `previous` contain the caller's key.
    """

    default_page_size: int = 20
    max_page_size: int = 40
    refuses_large_pages: bool = False
    max_pages: int | None = 500
    empty_past_the_end: bool = False
    monthly_requests: int | None = 20_000
    quota_status: int = 401
    counts_failures: bool = True
    counts_stores: bool = True
    last_day_included: bool = True
    refuses_bad_ranges: bool = False
    stable_ties: bool = False
    updated_in_lists: bool = True
    updated_zone: timedelta = timedelta()
    keys_in_links: bool = True
