from __future__ import annotations

from igdb.addresses import DEFAULT_BASE_URL, DEFAULT_TOKEN_URL
from igdb.provider import get_provider_info
from igdb.settings import DEFAULT_MAX_OPEN_REQUESTS, DEFAULT_REQUESTS_PER_SECOND


def test_the_form_shows_the_defaults_that_the_settings_have() -> None:
    (form,) = get_provider_info()["connection-types"]
    fields = form["conn-fields"]
    assert form["ui-field-behaviour"]["placeholders"]["host"] == DEFAULT_BASE_URL
    assert fields["token_url"]["description"].endswith(DEFAULT_TOKEN_URL)
    assert fields["requests_per_second"]["schema"]["default"] == DEFAULT_REQUESTS_PER_SECOND
    assert fields["max_open_requests"]["schema"]["default"] == DEFAULT_MAX_OPEN_REQUESTS
