"""`gamelake slo`: what is promised of the nights, and how it stands; at `GAMELAKE_URI`."""

from __future__ import annotations

import sys

from gamelake.tables import table

_HEADER = ("level", "status", "target", "good", "bad nights", "budget left", "burn 7 / 30", "last bad night")


def slo() -> None:
    """Show the service levels, computed now."""
    from datetime import UTC, datetime

    from gamelake.cli.store import command_store, is_empty
    from gamelake.lake.factory import place_of
    from gamelake.quality.service_levels import compute
    from gamelake.registry import loaded_entities

    store = command_store()
    if is_empty(store):
        print(f"{place_of(store)}: nothing is committed yet, so no night can be judged")
        return
    levels = compute(store, loaded_entities(), now=datetime.now(UTC)).levels
    print(place_of(store))
    lines = [
        (
            each.name,
            each.status.value if each.nights else "no night yet",
            f"{each.target:.1%}",
            "–" if each.attained is None else f"{each.attained:.1%}",
            f"{each.bad} of {each.nights}",
            f"{each.budget_left:.0%}" if each.nights else "–",
            " / ".join(f"{each.burn_rates[n]:.1f}" for n in ("7", "30")) if each.burn_rates else "–",
            f"{each.last_bad}: {each.reason}" if each.last_bad else "–",
        )
        for each in levels
    ]
    print(table(_HEADER, lines, sys.stdout))
