"""What counts cannot show after a load: rows that it rejected, and id ranges that it could not prove.

The source counts a rejected row and the table does not have it. So a deletion beside it leaves both numbers equal.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from gamelake.lake.id_ranges import ALL_IDS, IdRange
from gamelake.lake.rejected import RejectedError, rows_rejected_by
from gamelake.lake.store import ObjectNotFoundError
from gamelake.sources.base import Doubts

if TYPE_CHECKING:
    from gamelake.lake.manifest import Manifest
    from gamelake.lake.store import Store

log = logging.getLogger(__name__)


def doubts_of(store: Store, commit: Manifest) -> Doubts:
    """Return the doubts that a commit leaves. If one of its rejected rows may be anywhere, every id is to be read.

    Raises: StoreError.
    """
    ranges = [IdRange(one.low, one.high) for one in commit.unproven]
    if commit.rejected_key is None:
        return Doubts((), tuple(ranges))
    try:
        ids = {row.row_id for row in rows_rejected_by(store, commit.table, commit.rejected_key)}
    except (ObjectNotFoundError, RejectedError) as error:
        log.warning("%s: reading every id, as the last load's rejected rows are lost: %s", commit.table, error)
        return Doubts((), (ALL_IDS,))
    known = {row_id for row_id in ids if row_id is not None and row_id >= 0}
    return Doubts(tuple(sorted(known)), tuple(ranges) if ids == known else (ALL_IDS,))
