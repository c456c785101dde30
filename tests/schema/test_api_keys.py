"""Server keys through the API: a secret is seen once, and nowhere else."""

import json

from domain.principals import Permission
from tests.schema.gateway import ADMIN, Json, Shop, new_key

FIELDS = "apiKey { id name scopes last4 createdAt lastUsedAt expiresAt revokedAt previousSecretEndsAt } secret"


async def made(shop: Shop, *, as_: str = ADMIN, **input: object) -> Json:
    sent = {"name": "till", "scopes": ["CATALOGUE_READ"], **input}
    payload = await shop.mutate("apiKeyCreate", sent, FIELDS, as_=as_)
    assert payload["userErrors"] == []
    return payload


async def status(shop: Shop, secret: str) -> int:
    return (await shop.send("{ me { id } }", as_=f"Bearer {secret}")).status_code


async def test_an_admin_makes_a_key_and_sees_its_secret_once(shop_on_both: Shop) -> None:
    shop = shop_on_both
    key = await made(shop, as_=shop.person("adm", role="admin"), scopes=["ORDERS_WRITE", "CATALOGUE_READ"])

    assert await status(shop, key["secret"]) == 200
    assert key["apiKey"]["scopes"] == ["CATALOGUE_READ", "ORDERS_WRITE"]
    assert key["secret"].endswith(key["apiKey"]["last4"])
    rows = json.dumps(await shop._tables(), default=str)
    assert key["secret"] not in rows
    listed = await shop.execute("{ apiKeys { nodes { id name scopes last4 lastUsedAt } } }")
    assert [each["name"] for each in listed["apiKeys"]["nodes"]] == ["till"]
    assert listed["apiKeys"]["nodes"][0]["lastUsedAt"]
    assert "secretHash" not in json.dumps(await shop.execute('{ __type(name: "ApiKey") { fields { name } } }'))


async def test_a_repeat_gives_the_key_and_not_its_secret(shop: Shop) -> None:
    idempotency_key = new_key()
    first = await made(shop, idempotencyKey=idempotency_key)
    again = await made(shop, idempotencyKey=idempotency_key)

    assert again == first | {"secret": None}
    sent = {"apiKeyId": first["apiKey"]["id"], "idempotencyKey": new_key()}
    turned = await shop.mutate("apiKeyRotate", sent, FIELDS)
    repeated = await shop.mutate("apiKeyRotate", sent, FIELDS)

    assert repeated == turned | {"secret": None}
    assert await status(shop, turned["secret"]) == 200


async def test_a_key_is_rotated_and_revoked(shop_on_both: Shop) -> None:
    shop = shop_on_both
    key = await made(shop)
    key_id = key["apiKey"]["id"]

    turned = await shop.mutate("apiKeyRotate", {"apiKeyId": key_id, "overlapHours": 1}, FIELDS)
    assert turned["apiKey"]["previousSecretEndsAt"]
    assert [await status(shop, each["secret"]) for each in (key, turned)] == [200, 200]

    leaked = await shop.mutate("apiKeyRotate", {"apiKeyId": key_id, "overlapHours": 0}, FIELDS)
    assert leaked["apiKey"]["previousSecretEndsAt"] is None
    assert [await status(shop, each["secret"]) for each in (key, turned, leaked)] == [401, 401, 200]

    revoked = await shop.do("apiKeyRevoke", {"apiKeyId": key_id}, "apiKey { id revokedAt }")
    assert revoked["revokedAt"]
    assert await status(shop, leaked["secret"]) == 401
    refused = await shop.refused("apiKeyRotate", {"apiKeyId": key_id})
    assert refused == ("API_KEY_NOT_ACTIVE", "apiKeyId")
    data = await shop.execute("{ apiKeys(filter: { revoked: false }) { nodes { id } } }")
    assert data["apiKeys"]["nodes"] == []


async def test_what_is_wrong_with_a_key_is_told(shop: Shop) -> None:
    limited = await shop.server(Permission.KEYS_WRITE)
    key_id = (await made(shop))["apiKey"]["id"]

    for mutation, sent, who, refused in (
        ("apiKeyCreate", {"name": " ", "scopes": ["CATALOGUE_READ"]}, ADMIN, ("INVALID_INPUT", "name")),
        ("apiKeyCreate", {"name": "x", "scopes": []}, ADMIN, ("INVALID_INPUT", "scopes")),
        (
            "apiKeyCreate",
            {"name": "x", "scopes": ["CATALOGUE_READ"], "expiresAt": "2020-01-01T00:00:00Z"},
            ADMIN,
            ("INVALID_INPUT", "expiresAt"),
        ),
        ("apiKeyCreate", {"name": "x", "scopes": ["CATALOGUE_READ"]}, limited, ("PERMISSION_DENIED", "scopes")),
        ("apiKeyRotate", {"apiKeyId": key_id}, limited, ("PERMISSION_DENIED", "scopes")),
        ("apiKeyRotate", {"apiKeyId": key_id, "overlapHours": 169}, ADMIN, ("INVALID_INPUT", "overlapHours")),
        ("apiKeyRotate", {"apiKeyId": key_id, "overlapHours": -1}, ADMIN, ("INVALID_INPUT", "overlapHours")),
        ("apiKeyRotate", {"apiKeyId": "key_none"}, ADMIN, ("NOT_FOUND", "apiKeyId")),
        ("apiKeyRevoke", {"apiKeyId": "key_none"}, ADMIN, ("NOT_FOUND", "apiKeyId")),
    ):
        assert await shop.refused(mutation, sent, as_=who) == refused, (mutation, sent)


async def test_keys_are_audited_whoever_makes_them(shop: Shop) -> None:
    maker = await shop.server(Permission.KEYS_WRITE, Permission.CATALOGUE_READ)
    before = await shop.count("audit_entries")

    key = await made(shop, as_=maker)
    await shop.do("apiKeyRotate", {"apiKeyId": key["apiKey"]["id"]}, as_=maker)
    await shop.do("apiKeyRevoke", {"apiKeyId": key["apiKey"]["id"]}, as_=maker)

    document = "{ auditEntries { nodes { action actorKind actor changes { field before after isWithheld } } } }"
    entries = (await shop.execute(document))["auditEntries"]["nodes"][: -before or None]
    assert [entry["action"] for entry in entries] == ["apiKeyRevoke", "apiKeyRotate", "apiKeyCreate"]
    assert {entry["actorKind"] for entry in entries} == {"SERVER"}
    turned = {change["field"]: change for change in entries[1]["changes"]}
    assert turned.keys() == {"secretHash", "previousSecretHash", "previousEndsAt", "last4"}
    assert turned["secretHash"]["isWithheld"]
    assert turned["secretHash"]["after"] is None


async def test_a_key_is_a_node_for_those_who_may_see_it(shop: Shop) -> None:
    key_id = (await made(shop))["apiKey"]["id"]
    node = "query($id: ID!) { node(id: $id) { __typename id } }"

    assert (await shop.execute(node, {"id": key_id}))["node"] == {"__typename": "ApiKey", "id": key_id}
    error = await shop.denied(node, {"id": key_id}, as_=shop.person("fin", role="finance"))
    assert error["extensions"]["code"] == "PERMISSION_DENIED"
