"""Test clocks, which are nobody's own."""

from typing import Final

from domain.queries import TestClockFilter
from domain.test_clocks import TestClock
from persistence.billing import clock_from_row
from persistence.database import Database
from persistence.queries.listing import BY_TIME, NOTHING, Listing, columns_of, one_of
from persistence.queries.reads import ListingReads

TEST_CLOCKS: Final[Listing[TestClock]] = Listing(
    table="test_clocks",
    columns=columns_of("test_clocks", "id name stands_at state target failure created_at updated_at"),
    record=clock_from_row,
    sorts=BY_TIME,
    filters={"states": one_of("test_clocks.state")},
    owner=lambda _customer_id, _parameters: NOTHING,
    relations={},
)


def test_clocks(database: Database) -> ListingReads[TestClock, TestClockFilter]:
    return ListingReads(database, TEST_CLOCKS)
