"""The ids that counts cannot check after a load: rows that it rejected, and id ranges that it could not prove.

The source counts a rejected row, and the table does not have it. So a deletion in its range can stay unseen.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from gamelake.lake.id_ranges import ALL_IDS, IdRange
from gamelake.lake.rejected import RejectedError, rows_rejected_by
from gamelake.lake.store import ObjectNotFoundError
from gamelake.sources.base import UnverifiedIds

if TYPE_CHECKING:
    from gamelake.lake.manifest import Manifest
    from gamelake.lake.store import Store

log = logging.getLogger(__name__)


def unverified_after(store: Store, commit: Manifest) -> UnverifiedIds:
    """Return the unverified ids after a commit: all ids, if one of its rejected rows has no id.

    Raises: StoreError.
    """
    ranges = [IdRange(one.low, one.high) for one in commit.unproven]
    if commit.rejected_key is None:
        return UnverifiedIds((), tuple(ranges))
    try:
        ids = {row.row_id for row in rows_rejected_by(store, commit.table, commit.rejected_key)}
    except (ObjectNotFoundError, RejectedError) as error:
        log.warning("%s: reading every id, as the last load's rejected rows are lost: %s", commit.table, error)
        return UnverifiedIds((), (ALL_IDS,))
    known = {row_id for row_id in ids if row_id is not None and row_id >= 0}
    return UnverifiedIds(tuple(sorted(known)), tuple(ranges) if ids == known else (ALL_IDS,))
