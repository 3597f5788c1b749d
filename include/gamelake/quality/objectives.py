"""The service level objectives that `slo.yaml` declares."""

from __future__ import annotations

from datetime import datetime, time
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import msgspec
import yaml
from msgspec import Meta

from gamelake.days import KST
from gamelake.lake.documents import prepare

if TYPE_CHECKING:
    from datetime import date

SLO_PATH = Path(__file__).with_name("slo.yaml")


class ObjectiveError(ValueError):
    """`slo.yaml` states something that cannot hold; the message names the key, the value and what was expected."""


class Indicator(StrEnum):
    """What makes a night good or bad."""

    PUBLISHED = "published"
    COMPLETE = "complete"
    PROVEN = "proven"
    FRESH = "fresh"


class Objective(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One objective of slo.yaml."""

    title: Annotated[str, Meta(min_length=1, description="What it promises, for people.")]
    good: Annotated[str, Meta(min_length=1, description="What counts as a good night.")]
    indicator: Annotated[Indicator, Meta(description="How a night is judged.")]
    by: Annotated[
        str, Meta(pattern=r"^([01]\d|2[0-3]):[0-5]\d$", description="When a night is judged, in Korean time: HH:MM.")
    ]
    target: Annotated[float, Meta(gt=0, le=1, description="The share of nights that should be good.")]
    window: Annotated[
        int, Meta(ge=7, le=100, description="Nights over which the target holds; of the publications 120 are read.")
    ]
    owner: Annotated[str, Meta(min_length=1, description="Who answers for it.")]
    runbook: Annotated[str, Meta(min_length=1, description="The page to read when it is missed, below docs/.")]

    @property
    def allowed(self) -> float:
        """The bad nights that the target allows in a window."""
        return round((1 - self.target) * self.window, 6)

    def deadline(self, day: date) -> datetime:
        """Return when the night of a day is judged."""
        return datetime.combine(day, time.fromisoformat(self.by), KST)


def load_objectives(path: Path = SLO_PATH) -> dict[str, Objective]:
    """Return the objectives by their name, in the order of the file.

    Raises:
        ObjectiveError: The file is no YAML, or an objective is not as slo.schema.json has it.
    """
    prepare(Objective)
    try:
        found = msgspec.convert(yaml.safe_load(path.read_text(encoding="utf-8")), dict[str, Objective])
    except (yaml.YAMLError, msgspec.ValidationError) as error:
        raise ObjectiveError(f"{path.name}: {error}; slo.schema.json has what is expected") from error
    for name, objective in found.items():
        if 0 < objective.allowed < 1:
            raise ObjectiveError(
                f"{path.name}: {name}.target: found {objective.target} in {objective.window} nights, expected a target "
                f"that allows at least one bad night, or 1.0: any bad night would miss it"
            )
    return found
