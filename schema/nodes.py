"""Anything with an id, by its id; and what is said to those who would delete it."""

import asyncio
from collections.abc import Sequence
from typing import Annotated, cast

import strawberry

from domain.errors import PaydeskError
from domain.ids import IdPrefix, prefix_of
from domain.principals import Permission
from domain.services.records import refuse_delete
from schema.context import Info
from schema.errors import UserError, user_error
from schema.masking import ExposedError
from schema.node import Node

MOST_IDS = 100

_NEEDS = {
    IdPrefix.PRODUCT: Permission.CATALOGUE_READ,
    IdPrefix.PRICE: Permission.CATALOGUE_READ,
    IdPrefix.API_KEY: Permission.KEYS_READ,
    IdPrefix.AUDIT_ENTRY: Permission.AUDIT_READ,
    IdPrefix.WEBHOOK_DELIVERY: Permission.UPKEEP_READ,
    IdPrefix.JOB: Permission.UPKEEP_READ,
    IdPrefix.DISCREPANCY: Permission.UPKEEP_READ,
}
"""Everything else is a record of somebody, and needs RECORDS_READ."""


@strawberry.type
class NodeQuery:
    @strawberry.field(description="Any record by its id; null when there is none, or it is not yours.")
    async def node(
        self, info: Info, id: Annotated[strawberry.ID, strawberry.argument(description="Any global id.")]
    ) -> Node | None:
        return cast("Node | None", (await _load(info, [id]))[0])

    @strawberry.field(description="Records by their ids, in the same order, null for each that is missing.")
    async def nodes(
        self,
        info: Info,
        ids: Annotated[list[strawberry.ID], strawberry.argument(description="Global ids, 100 at most.")],
    ) -> list[Node | None] | None:
        if len(ids) > MOST_IDS:
            raise ExposedError(f"At most {MOST_IDS} ids at once.", code="BAD_USER_INPUT", argument="ids")
        return cast("list[Node | None]", await _load(info, ids))


@strawberry.input(description="A record that somebody would like to be gone.")
class RecordDeleteInput:
    id: strawberry.ID = strawberry.field(description="Any global id.")


@strawberry.type(description="Why the record stays.")
class RecordDeletePayload:
    user_errors: list[UserError] = strawberry.field(description="Why it stays, always with one entry.")


@strawberry.type
class NodeMutation:
    @strawberry.mutation(
        description="Billing records are never deleted: always refused, with a sentence on what to do instead."
    )
    async def record_delete(self, info: Info, input: RecordDeleteInput) -> RecordDeletePayload | None:
        try:
            await refuse_delete(info.context.services.queries, info.context.principal, input.id)
        except PaydeskError as error:
            return RecordDeletePayload(user_errors=[user_error(error)])
        raise AssertionError("a delete was not refused")


async def _load(info: Info, ids: Sequence[str]) -> list[object | None]:
    """The kinds are asked for side by side, each in one statement."""
    return list(await asyncio.gather(*(_load_one(info, record_id) for record_id in ids)))


async def _load_one(info: Info, record_id: str) -> object | None:
    prefix = prefix_of(record_id)
    loader = info.context.loaders.of(record_id)
    if loader is None or prefix is None:
        return None
    info.context.require(_NEEDS.get(prefix, Permission.RECORDS_READ))
    return cast("object | None", await loader.load(record_id))
