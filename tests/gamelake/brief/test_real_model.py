"""A brief by a real language model: `make test-model URL=http://127.0.0.1:8080/v1 MODEL=name`."""

from __future__ import annotations

import os
import sys
from typing import get_args

import msgspec
import pytest

from gamelake.brief.endpoint import Endpoint
from gamelake.brief.model_texts import model_texts
from gamelake.brief.wording import worded
from gamelake.words import Language
from tests.gamelake.brief.test_model_texts import brief_of, late

pytestmark = pytest.mark.model


def test_its_answer_comes_and_is_checked(capsys: pytest.CaptureFixture[str]) -> None:
    """A small model may write nothing that can be used; its endpoint must answer in the form of the API."""
    url, name = os.environ["LANGUAGE_MODEL_URL"], os.environ["LANGUAGE_MODEL_NAME"]
    writer = Endpoint(url, model=name, key=os.environ.get("LANGUAGE_MODEL_KEY"), seconds=120)
    brief = brief_of("Two", late())
    brief = msgspec.structs.replace(brief, texts=model_texts(brief, writer))
    for language in get_args(Language):
        found = brief.texts[language]
        with capsys.disabled():
            sys.stdout.write(f"\n{language}: {found}\n")
        for fault in ("reached", "status", "form of the API", "refuses", "within"):
            assert fault not in str(found.reason)
        text = worded(brief, language)
        assert text.opening == (found.opening or worded(brief_of("Two", late()), language).opening)
        assert name in text.foot
