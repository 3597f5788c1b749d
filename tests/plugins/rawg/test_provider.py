from __future__ import annotations

import yaml

from gamelake.paths import REPOSITORY
from rawg.client import DEFAULT_REQUESTS_PER_SECOND
from rawg.provider import get_provider_info
from rawg.settings import DEFAULT_BASE_URL, DEFAULT_MONTHLY_REQUESTS


def test_the_form_shows_the_defaults_that_the_settings_have() -> None:
    (form,) = get_provider_info()["connection-types"]
    fields = form["conn-fields"]
    assert form["ui-field-behaviour"]["placeholders"]["host"] == DEFAULT_BASE_URL
    assert fields["requests_per_second"]["schema"]["default"] == DEFAULT_REQUESTS_PER_SECOND
    assert fields["monthly_requests"]["schema"]["default"] == DEFAULT_MONTHLY_REQUESTS


def test_the_settings_file_stores_every_field_of_the_form() -> None:
    """Airflow's edit form shows only those that are stored."""
    settings = yaml.safe_load((REPOSITORY / "airflow_settings.yaml").read_text("utf-8"))
    (rawg,) = (each for each in settings["airflow"]["connections"] if each["conn_id"] == "rawg_default")
    (form,) = get_provider_info()["connection-types"]
    assert rawg["conn_extra"].keys() == form["conn-fields"].keys()
