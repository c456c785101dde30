"""Server keys, as they may be shown: without what their secrets are recognized by."""

from typing import Final

from domain.api_keys import ApiKey
from domain.queries import ApiKeyFilter
from persistence.database import Database
from persistence.queries.listing import BY_TIME, NOTHING, Listing, columns_of, given
from persistence.queries.reads import ListingReads
from persistence.records import api_key_from_row

API_KEYS: Final[Listing[ApiKey]] = Listing(
    table="api_keys",
    columns={
        **columns_of(
            "api_keys", "id name last4 permissions expires_at previous_ends_at last_used_at revoked_at created_at"
        ),
        # Never read for the API, so no field can ever show them.
        "secret_hash": "''",
        "previous_secret_hash": "NULL",
        "secret_used_at": "NULL",
    },
    record=api_key_from_row,
    sorts=BY_TIME,
    filters={"revoked": given("api_keys.revoked_at")},
    # No customer ever owns one.
    owner=lambda _customer_id, _parameters: NOTHING,
    relations={},
)


def api_keys(database: Database) -> ListingReads[ApiKey, ApiKeyFilter]:
    return ListingReads(database, API_KEYS)
