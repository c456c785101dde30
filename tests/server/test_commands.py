"""Every command of `paydesk`, as an operator types it."""

import asyncio
import time
from contextlib import ExitStack
from pathlib import Path

import httpx
import jwt
import pytest

from domain.services.accounts import are_books_of_mode
from persistence.database import Database
from persistence.sql import Dialect
from persistence.store import TortoiseStore
from tests.databases import ROOT, NewDatabaseUrl
from tests.server.api import Api, Json, codes
from tests.server.conftest import ISSUER, JWT_SECRET, WEBHOOK_SECRET
from tests.server.processes import (
    ADMIN_KEY,
    RETURN_URL,
    Process,
    fake_bank,
    free_port,
    paydesk,
    run_paydesk,
    serving,
    settings,
    wait_until_answering,
)

MIGRATIONS = ", ".join(sorted(path.stem for path in (ROOT / "persistence" / "migrations").glob("[0-9]*.py")))
CUSTOMERS = "{ customers { nodes { id } } }"
CREATE_PRODUCT = 'mutation { productCreate(input: {name: "Tea"}) { product { id } userErrors { code message path } } }'


def test_schema_prints_the_schema_that_the_repository_holds(tmp_path: Path) -> None:
    printed = run_paydesk("schema", settings={}, folder=tmp_path)
    assert printed.returncode == 0
    assert printed.stdout.rstrip("\n") == (ROOT / "schema" / "schema.graphql").read_text().rstrip("\n")


# --- migrate --------------------------------------------------------------------------------------------------------


def test_a_gateway_waits_for_migrations_and_takes_either_database(
    dialect: Dialect, new_database_url: NewDatabaseUrl, tmp_path: Path
) -> None:
    """Which one it is, is said by one variable."""
    chosen = settings(new_database_url(dialect, migrated=False), tmp_path)
    early = run_paydesk("serve", settings=chosen, folder=tmp_path)
    assert (early.returncode, early.stdout) == (2, "")
    assert early.stderr == (f"paydesk: The gateway is not ready: migrations to run: {MIGRATIONS} (paydesk migrate).\n")
    done = run_paydesk("migrate", settings=chosen, folder=tmp_path)
    assert (done.returncode, done.stdout) == (0, f"Migrated: {MIGRATIONS}.\n")
    checked = run_paydesk("check", settings=chosen, folder=tmp_path)
    assert checked.returncode == 0, checked.stdout + checked.stderr
    assert checked.stdout.splitlines()[0] == "environment  sandbox"
    assert ("PostgreSQL 127.0.0.1" if dialect is Dialect.POSTGRES else "SQLite file") in checked.stdout
    assert checked.stdout.splitlines()[-1] == "All is well."


@pytest.mark.parametrize("command", ["serve", "worker"])
async def test_books_of_test_money_take_no_real_money(
    new_database_url: NewDatabaseUrl, tmp_path: Path, command: str
) -> None:
    """A database that is started with the keys of the other mode knows none of its customers and cards."""
    url = new_database_url(Dialect.SQLITE)
    database = await Database.open(url)
    assert await are_books_of_mode(TortoiseStore(database), livemode=False, claim=True)
    await database.close()
    live = {
        "PAYDESK_ENVIRONMENT": "production",
        "PAYDESK_PROVIDER": "stripe",
        "STRIPE_SECRET_KEY": "sk_live_of_nobody",
        "STRIPE_PUBLISHABLE_KEY": "pk_live_of_nobody",
        "STRIPE_WEBHOOK_SECRET": "whsec_of_nobody",
    }
    refused = run_paydesk(command, settings=settings(url, tmp_path) | live, folder=tmp_path)

    assert refused.returncode == 2, refused.stdout + refused.stderr
    assert "This database has the books of the other mode" in refused.stderr


def test_migrating_again_changes_nothing(sandbox: Process, tmp_path: Path) -> None:
    again = run_paydesk("migrate", settings=sandbox.settings, folder=tmp_path)
    assert (again.returncode, again.stdout) == (0, "Nothing to migrate.\n")


def test_two_gateways_that_start_at_once_migrate_once(
    dialect: Dialect, new_database_url: NewDatabaseUrl, tmp_path: Path
) -> None:
    chosen = settings(
        new_database_url(dialect, migrated=False), tmp_path, environment="development", sqlite_shared="true"
    )
    with ExitStack() as both:
        gateways = []
        for port in (free_port(), free_port()):
            started = both.enter_context(
                paydesk("serve", settings=chosen | {"PAYDESK_PORT": str(port)}, folder=tmp_path)
            )
            started.address = f"http://127.0.0.1:{port}"
            gateways.append(started)
        for gateway in gateways:
            wait_until_answering(gateway, "/readyz")
        assert [gateway.terminate() for gateway in gateways] == [0, 0]


# --- keys and tokens ------------------------------------------------------------------------------------------------


async def test_a_key_opens_what_its_scopes_say_until_it_is_revoked(sandbox: Process, tmp_path: Path) -> None:
    def keys(*arguments: str) -> str:
        done = run_paydesk("keys", *arguments, settings=sandbox.settings, folder=tmp_path)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    everything = keys("create", "shop backend")
    reader = keys("create", "reports", "--scope", "RECORDS_READ", "--scope", "CATALOGUE_READ")
    async with Api(sandbox.address, everything) as shop, Api(sandbox.address, reader) as reports:
        assert codes((await shop.query(CREATE_PRODUCT))["productCreate"]) == []
        assert (await reports.query("{ products { nodes { name } } }"))["products"]["nodes"]
        assert codes((await reports.query(CREATE_PRODUCT))["productCreate"]) == ["PERMISSION_DENIED"]
        key_id = line_of(keys("list"), "reports").split()[0]
        assert keys("revoke", key_id) == f"{key_id} is revoked."
        assert (await reports.post(CUSTOMERS)).status_code == 401
        assert (await shop.post(CUSTOMERS)).status_code == 200
    listed = keys("list")
    assert "revoked" in line_of(listed, "reports")
    assert "(CATALOGUE_READ, RECORDS_READ)" in line_of(listed, "reports")
    assert "active" in line_of(listed, "shop backend")
    named = "AUDIT_READ, CUSTOMERS_REDACT, ISSUERS_WRITE, KEYS_READ, KEYS_WRITE, UPKEEP_READ, UPKEEP_WRITE"
    assert f"(all but {named})" in line_of(listed, "shop backend")
    assert everything not in listed
    assert reader not in listed
    assert everything not in sandbox.output
    assert reader not in sandbox.output


def line_of(listed: str, name: str) -> str:
    [line] = [line for line in listed.splitlines() if name in line]
    return line


async def test_a_key_is_rotated_while_it_is_in_use(sandbox: Process, tmp_path: Path) -> None:
    def keys(*arguments: str) -> str:
        done = run_paydesk("keys", *arguments, settings=sandbox.settings, folder=tmp_path)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    scopes = ("--scope", "RECORDS_READ", "--scope", "AUDIT_READ")
    old = keys("create", "till in the hall", "--days", "30", *scopes)
    key_id = line_of(keys("list"), "till in the hall").split()[0]
    new = keys("rotate", key_id, "--overlap", "1")
    async with Api(sandbox.address, old) as before, Api(sandbox.address, new) as after:
        assert [(await each.post(CUSTOMERS)).status_code for each in (before, after)] == [200, 200]
        newest = keys("rotate", key_id, "--overlap", "0")
        assert [(await each.post(CUSTOMERS)).status_code for each in (before, after)] == [401, 401]
    async with Api(sandbox.address, newest) as api:
        filter_ = f'filter: {{ subjectId: "{key_id}" }}'
        entries = await api.query(f"{{ auditEntries({filter_}) {{ nodes {{ actor actorKind action subjectIds }} }} }}")
    assert newest[-4:] in line_of(keys("list"), "till in the hall")
    assert entries["auditEntries"]["nodes"] == [
        {"actor": "cli", "actorKind": "OPERATOR", "action": action, "subjectIds": [key_id]}
        for action in ("keys rotate", "keys rotate", "keys create")
    ]


async def test_a_token_is_for_staff_or_for_a_customer(sandbox: Process, tmp_path: Path) -> None:
    def token(*arguments: str) -> str:
        done = run_paydesk("token", *arguments, settings=sandbox.settings, folder=tmp_path)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    async with Api(sandbox.address) as server:
        ada = await server.do("customerCreate", "customer", "id", name="Ada", externalId="user-1")
        await server.do("customerCreate", "customer", "id", name="Grace", externalId="user-2")
    async with Api(sandbox.address, token("dev", "--role", "admin")) as staff:
        assert len((await staff.query(CUSTOMERS))["customers"]["nodes"]) >= 2
        assert codes((await staff.query(CREATE_PRODUCT))["productCreate"]) == []
    async with Api(sandbox.address, token("user-1")) as customer:
        assert (await customer.query("{ me { id name } }"))["me"] == {"id": ada["id"], "name": "Ada"}
        assert (await customer.query(CUSTOMERS))["customers"]["nodes"] == [{"id": ada["id"]}]
        assert codes((await customer.query(CREATE_PRODUCT))["productCreate"]) == ["PERMISSION_DENIED"]
    now = int(time.time())
    for bad in (
        signed(expires=now - 60),
        signed(expires=now + 60, issuer="https://elsewhere.example"),
        signed(expires=now + 60, secret="a guess that is as long as it has to be"),
        "nonsense",
    ):
        async with Api(sandbox.address, bad) as stranger:
            answer = await stranger.post(CUSTOMERS)
            assert answer.status_code == 401
            assert "data" not in answer.json()


def signed(*, expires: int, issuer: str = ISSUER, secret: str = JWT_SECRET) -> str:
    claims = {"sub": "dev", "aud": "paydesk", "iss": issuer, "exp": expires, "paydesk_role": "admin"}
    return jwt.encode(claims, secret, algorithm="HS256")


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (
            ("token", "dev"),
            "PAYDESK_ENVIRONMENT is production (the default), where tokens come from the identity provider.",
        ),
        (("demo",), "PAYDESK_PROVIDER has to be set: who moves the money? Outside production, `fake` may."),
        (("fake-provider",), "The fake provider does not run in production."),
    ],
    ids=lambda value: value[0] if isinstance(value, tuple) else "",
)
def test_production_has_no_toys(arguments: tuple[str, ...], sentence: str, tmp_path: Path) -> None:
    done = run_paydesk(*arguments, settings={}, folder=tmp_path)
    assert (done.returncode, done.stdout, done.stderr) == (2, "", f"paydesk: {sentence}\n")


# --- demo -----------------------------------------------------------------------------------------------------------


async def test_the_demo_shop_is_made_once(tmp_path: Path) -> None:
    url = f"sqlite://{tmp_path}/paydesk.sqlite3"
    chosen = settings(url, tmp_path, environment="development")
    told = []
    rows: list[dict[str, int]] = []
    for _ in range(2):
        done = run_paydesk("demo", settings=chosen, folder=tmp_path)
        assert done.returncode == 0, done.stderr
        told.append(done.stdout)
        rows.append(await counted(url))
    assert told == ["The demo shop has 4 products, 6 customers, 6 orders, and a subscription on a test clock.\n"] * 2
    assert rows[0] == rows[1]
    assert (rows[0]["products"], rows[0]["customers"], rows[0]["orders"]) == (4, 6, 6)
    assert rows[0]["charges"]
    assert rows[0]["refunds"]


async def counted(url: str) -> dict[str, int]:
    tables = ("products", "prices", "customers", "payment_methods", "orders", "charges", "refunds", "events")
    database = await Database.open(url)
    try:
        async with database.reader() as connection:
            found = {table: await connection.fetch_one(f"SELECT COUNT(*) AS found FROM {table}") for table in tables}
    finally:
        await database.close()
    return {table: row["found"] for table, row in found.items() if row}


# --- worker and the bank of its own ---------------------------------------------------------------------------------


async def test_a_worker_of_its_own_does_what_the_gateway_leaves(
    new_database_url: NewDatabaseUrl, tmp_path: Path
) -> None:
    """And the bank is a server of its own, which tells the gateway of itself."""
    url = new_database_url(Dialect.POSTGRES)
    port = free_port()
    chosen = settings(
        url,
        tmp_path,
        port=str(port),
        worker="false",
        action_lifetime_seconds="1",
        fake_api_key="key-of-the-bank",
        fake_webhook_secret=WEBHOOK_SECRET,
        fake_webhook_url=f"http://127.0.0.1:{port}/webhooks/fake",
    )
    with fake_bank(chosen, tmp_path) as bank:
        chosen |= {"PAYDESK_FAKE_URL": bank.address}
        with paydesk("serve", settings=chosen, folder=tmp_path) as gateway:
            gateway.address = f"http://127.0.0.1:{port}"
            wait_until_answering(gateway, "/readyz")
            async with Api(gateway.address) as api:
                charge = await begin_confirmation(api)
                await asyncio.sleep(2)
                assert (await api.charge(charge["id"]))["state"] == "REQUIRES_ACTION"
                with paydesk("worker", settings=chosen, folder=tmp_path) as worker:
                    await api.charge_when(charge["id"], "EXPIRED")
                    assert worker.terminate() == 0
                    assert "Traceback" not in worker.output
            assert gateway.terminate() == 0
        assert bank.terminate() == 0


async def begin_confirmation(api: Api) -> Json:
    customer = await api.customer("Hedy", "tok_threeDSecureRequired")
    order_id = await api.order(customer, {await api.price("Ticket", 20_00): 1})
    charge: Json = (await api.pay(order_id, returnUrl=RETURN_URL))["charge"]
    assert charge["state"] == "REQUIRES_ACTION"
    return charge


# --- check, and what is wrong ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changed", "wrong"),
    [
        (
            {"PAYDESK_DATABASE_URL": "sqlite://empty.sqlite3"},
            f"migrations to run: {MIGRATIONS}",
        ),
        ({"PAYDESK_ADMIN_KEY": ""}, "nobody can sign in: make a key (paydesk keys create)"),
        (
            {
                "PAYDESK_FAKE_URL": "http://127.0.0.1:1",
                "PAYDESK_FAKE_API_KEY": "key-of-the-bank",
                "PAYDESK_FAKE_WEBHOOK_SECRET": WEBHOOK_SECRET,
            },
            "the provider: The bank cannot be reached.",
        ),
        ({"PAYDESK_DOCUMENTS": "nowhere"}, "PAYDESK_DOCUMENTS: nowhere is not there."),
    ],
    ids=["migrations", "keys", "provider", "documents"],
)
def test_check_says_what_is_wrong(
    changed: dict[str, str], wrong: str, new_database_url: NewDatabaseUrl, tmp_path: Path
) -> None:
    chosen = settings(new_database_url(Dialect.SQLITE), tmp_path) | changed
    checked = run_paydesk("check", settings=chosen, folder=tmp_path)
    assert checked.returncode == 1
    [line] = [line for line in checked.stdout.splitlines() if line.startswith("wrong")]
    assert wrong in line
    assert "Traceback" not in checked.stderr


async def test_a_deployment_may_serve_its_own_documents_alone(new_database_url: NewDatabaseUrl, tmp_path: Path) -> None:
    folder = tmp_path / "documents"
    folder.mkdir()
    (folder / "me.graphql").write_text("query Me { me { id } }")
    chosen = settings(
        new_database_url(Dialect.SQLITE),
        tmp_path,
        jwt_secret=JWT_SECRET,
        jwt_issuer=ISSUER,
        documents=str(folder),
        documents_only="customers",
    )
    checked = run_paydesk("check", settings=chosen, folder=tmp_path)
    assert (checked.returncode, f"documents    {folder}" in checked.stdout) == (0, True), checked.stdout
    token = run_paydesk("token", "user-1", settings=chosen, folder=tmp_path).stdout.strip()
    with serving(chosen, tmp_path) as gateway:
        async with Api(gateway.address, credential=token) as customer, Api(gateway.address) as server:
            assert await customer.query("query Me { me { id } }") == {"me": None}
            assert error_codes(await customer.post(CUSTOMERS)) == ["PERSISTED_DOCUMENT_REQUIRED"]
            assert await server.query(CUSTOMERS) == {"customers": {"nodes": []}}
        async with Api(gateway.address, credential=None) as anybody:
            assert error_codes(await anybody.post(CUSTOMERS)) == ["PERSISTED_DOCUMENT_REQUIRED"]
    with serving(chosen | {"PAYDESK_DOCUMENTS_ONLY": "everybody"}, tmp_path) as gateway:
        async with Api(gateway.address) as server:
            assert error_codes(await server.post(CUSTOMERS)) == ["PERSISTED_DOCUMENT_REQUIRED"]


def error_codes(response: httpx.Response) -> list[str]:
    return [error["extensions"]["code"] for error in response.json()["errors"]]


def test_a_document_that_the_schema_does_not_take_stops_the_start(
    new_database_url: NewDatabaseUrl, tmp_path: Path
) -> None:
    file = tmp_path / "old.graphql"
    file.write_text("query Old { customers { nodes { shoeSize } } }")
    chosen = settings(new_database_url(Dialect.SQLITE), tmp_path, documents=str(file))
    sentence = f"PAYDESK_DOCUMENTS: {file}: Cannot query field 'shoeSize' on type 'Customer'."
    started = run_paydesk("serve", settings=chosen, folder=tmp_path)
    assert (started.returncode, started.stdout) == (2, "")
    assert started.stderr.startswith(f"paydesk: {sentence}")
    assert len(started.stderr.splitlines()) == 1
    checked = run_paydesk("check", settings=chosen, folder=tmp_path)
    assert (checked.returncode, sentence in checked.stdout) == (1, True)


async def test_development_answers_to_this_machine_only(tmp_path: Path) -> None:
    """A page on the internet whose name leads here does not get the token of GraphiQL."""
    chosen = {"PAYDESK_ENVIRONMENT": "development"}
    with serving(chosen, tmp_path) as gateway:
        async with Api(gateway.address, credential=None) as browser:
            assert (await browser.post("{ __typename }")).status_code == 200
            page = {"Accept": "text/html", "Host": "attacker.example"}
            foreign = await browser.http.get("/graphql", headers=page)
        assert foreign.status_code == 400
        assert foreign.text == "Invalid host header"


SECRETS = (ADMIN_KEY, JWT_SECRET, WEBHOOK_SECRET, "the-password", "short")


@pytest.mark.parametrize(
    ("wrong", "sentence", "code"),
    [
        (
            {"PAYDESK_ENVIRONMENT": "production"},
            "PAYDESK_PROVIDER=fake takes no real money: it is refused in production.",
            2,
        ),
        (
            {"PAYDESK_ENVIRONMENT": "development", "PAYDESK_HOST": "0.0.0.0"},  # noqa: S104 - refused
            "PAYDESK_HOST has to be a loopback address in development",
            2,
        ),
        ({"PAYDESK_JWT_SECRET": "short"}, "PAYDESK_JWT_SECRET: has to have at least 32 characters", 2),
        (
            {"PAYDESK_DATABASE_URL": "postgresql://paydesk:the-password@127.0.0.1:1/paydesk"},
            "PostgreSQL 127.0.0.1:1/paydesk refused the connection",
            1,
        ),
    ],
    ids=["production", "host", "secret", "refused"],
)
def test_a_wrong_setting_stops_the_start_with_one_line(
    wrong: dict[str, str], sentence: str, code: int, tmp_path: Path
) -> None:
    chosen = settings("sqlite://paydesk.sqlite3", tmp_path, fake_webhook_secret=WEBHOOK_SECRET) | wrong
    started = run_paydesk("serve", settings=chosen, folder=tmp_path)
    assert (started.returncode, started.stdout) == (code, "")
    [line] = started.stderr.splitlines()
    assert line.startswith(f"paydesk: {sentence}")
    assert not any(secret in line for secret in SECRETS)
