"""Relay's `Node`: everything with an id of ours can be read again by it."""

import strawberry


@strawberry.interface(description="A record with a global id.")
class Node:
    id: strawberry.ID = strawberry.field(description="Global, opaque, sortable by the time of its making.")
