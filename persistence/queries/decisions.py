from typing import Final

from domain.decisions import Decision
from domain.queries import DecisionFilter, Relation
from persistence.database import Database
from persistence.mapping import decision_from_row
from persistence.queries.listing import BY_TIME, NOTHING, Link, Listing, columns_of, one_of
from persistence.queries.reads import ListingReads

DECISIONS: Final[Listing[Decision]] = Listing(
    table="decisions",
    columns=columns_of("decisions", "id kind charge_id refund_id reason found note actor created_at"),
    record=decision_from_row,
    sorts=BY_TIME,
    filters={"kinds": one_of("decisions.kind")},
    # What the staff thinks of a charge is not its customer's to read.
    owner=lambda _customer_id, _parameters: NOTHING,
    relations={Relation.CHARGE: Link("decisions.charge_id")},
)


def decisions(database: Database) -> ListingReads[Decision, DecisionFilter]:
    return ListingReads(database, DECISIONS)
