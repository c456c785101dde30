"""Paydesk: the composition root, and the thin commands of `paydesk`.

This is the one place that knows every floor. It builds the object graph by hand, from the store up: store → providers →
services → Starlette application.
"""

from __future__ import annotations

import gc
import sys
from pathlib import Path

# What is imported stays: to look through it for garbage, again and again while it grows, is a third of the time that it
# takes (1.0 s of 1.5).
gc.disable()

if __package__:
    # Installed, the folders lie inside the package `paydesk`, but import one another by their own names.
    sys.path.insert(0, str(Path(__file__).parent))

import asyncio
import contextlib
import contextvars
import logging
import secrets
import signal
import socket
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from types import FrameType
from typing import Annotated, Any

import typer
import uvicorn
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import HTTPConnection, Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Mount, Route, WebSocketRoute
from starlette.types import ASGIApp

from adapters.access import Access, CredentialsNotChecked, CredentialsRejected
from adapters.accounts import fake_webhook_secrets, open_accounts, open_bank
from adapters.demo import fill_demo_shop
from adapters.fake import Bank, WebhookSender, fake_bank_app, fake_routes
from adapters.http import RequestLog, health_routes, webhook_routes
from adapters.logs import configure_logs
from adapters.proxies import Proxies, as_seen
from adapters.settings import PLAIN, DocumentsOnly, Settings, SettingsWrong, load_settings
from adapters.tokens import JwksVerifier, SecretVerifier, Verifier
from adapters.worker import Worker
from domain.audit import acting_as
from domain.clock import SystemClock
from domain.deployment import Providers
from domain.detached import Detached
from domain.errors import PaydeskError
from domain.principals import ALL_PERMISSIONS, PERMISSIONS_TO_BE_NAMED, Permission, Principal, StaffRole, operator
from domain.reconciliation import Standing, worst_of
from domain.services.accounts import (
    ProviderAccountService,
    are_books_of_mode,
    note_default_account,
    out_of_reach,
)
from domain.services.api_keys import ApiKeyService, CreateApiKey, RotateApiKey
from domain.services.applying import Applying
from domain.services.auditing import AuditedStore
from domain.services.background import Background
from domain.services.balances import BalanceService
from domain.services.billing import Billing
from domain.services.captures import CaptureService
from domain.services.changing import ChangeService
from domain.services.charges import ChargeService
from domain.services.collecting import Collecting
from domain.services.credit_notes import CreditNoteService
from domain.services.customers import CustomerService
from domain.services.decisions import DecisionService
from domain.services.discrepancies import DiscrepancyService
from domain.services.dispute_settlement import DisputeSettlement
from domain.services.disputes import DisputeService
from domain.services.ending import Ending, EndingService
from domain.services.feed import Feed
from domain.services.invoices import InvoiceService
from domain.services.invoicing import Invoicing
from domain.services.issuers import IssuerService
from domain.services.jobs import JobService
from domain.services.managing import Managing
from domain.services.orders import OrderService
from domain.services.pausing import Pausing, PausingService
from domain.services.payment_methods import PaymentMethodService
from domain.services.products import ProductService
from domain.services.reconciliation import ReconciliationService
from domain.services.redactions import RedactionService
from domain.services.refunds import RefundService
from domain.services.renewing import Renewing
from domain.services.resolver import Resolver
from domain.services.scheduled import handlers
from domain.services.sending import Sending
from domain.services.settlement import Settlement
from domain.services.subscription_cards import SubscriptionCardService
from domain.services.subscriptions import SubscriptionService
from domain.services.teller import Teller
from domain.services.test_clocks import TestClockService
from domain.services.undoing import UndoingService
from domain.services.voids import VoidService
from domain.services.webhooks import WebhookService
from domain.store import Store
from persistence.alone import alone_on
from persistence.database import Database, DatabaseUnavailable
from persistence.failures import is_transient
from persistence.feed import TortoiseEventLog
from persistence.jobs import TortoiseJobQueue
from persistence.migrate import DatabaseIsNewer, migrate, pending
from persistence.queries import TortoiseQueries
from persistence.store import TortoiseStore
from schema.context import Context, Services
from schema.errors import error_formatter
from schema.graphiql import ASSETS_PATH, graphiql_assets, graphiql_page
from schema.http.compression import Compression
from schema.http.live import Live
from schema.http.origins import Origins
from schema.http.request_id import HEADER, request_id, request_id_of
from schema.http.trusted import DocumentsUnusable, TrustedDocuments
from schema.masking import NotCheckedNow, Unauthenticated
from schema.root import build_schema
from schema.view import GraphQLView

gc.freeze()
gc.enable()

DEVELOPMENT_ISSUER = "paydesk-development"
GRAPHIQL_TOKEN_SECONDS = 3600
PROBE_SECONDS = 2.0
"""How long a probe waits for its turn to write; load balancers give up after a few seconds."""
CORS_SECONDS = 7200
"""How long a browser remembers that a page may ask: Chromium keeps it two hours at most, Firefox a day."""
LOOK_AT_SILENT_SECONDS = 0.5
"""How late it is noticed that a silent account is due to be looked at; while all answer, it costs nothing."""
UNREAD_SECONDS = 60
"""After which the system gives up a connection whose client takes nothing; longer than we wait ourselves."""

_OTHER_MODE = (
    "This database has the books of the other mode: real money (PAYDESK_ENVIRONMENT=production) and test money "
    "(sandbox, development) have a database of their own each."
)

_OUT_OF_REACH = "charges were made at %s, which PAYDESK_ACCOUNTS does not have: they can be read and not refunded"

_log = logging.getLogger("paydesk")


# --- the object graph -----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Gateway:
    """Everything that runs, built once."""

    settings: Settings
    database: Database
    store: Store
    services: Services
    api_keys: ApiKeyService
    webhooks: WebhookService
    access: Access
    verifier: Verifier | None
    background: Background
    worker: Worker
    detached: Detached
    feed: Feed
    live: Live
    teller: Teller
    bank: Bank | None
    """The fake provider's, where it runs in this process."""


@contextlib.asynccontextmanager
async def gateway(
    settings: Settings, *, accounts_of: Callable[[Settings], tuple[Bank | None, Providers]] = open_accounts
) -> AsyncIterator[Gateway]:
    """Other accounts than the settings tell of are for providers that are none of ours."""
    database = await Database.open(settings.database_url)
    try:
        if settings.is_development:
            await migrate(database)
        clock = SystemClock()
        log = TortoiseEventLog(database)
        store = AuditedStore(TortoiseStore(database, told=log.written), clock=clock)
        feed = Feed(log)
        deployment = settings.deployment()
        bank, providers = accounts_of(settings)
        detached = Detached()
        teller = Teller(providers=providers, clock=clock, deployment=deployment)
        settlement = Settlement(clock=clock, deployment=deployment)
        customers = CustomerService(store=store, clock=clock, deployment=deployment)
        accounts = ProviderAccountService(store=store, providers=providers, teller=teller, clock=clock)
        payment_methods = PaymentMethodService(
            store=store,
            providers=providers,
            teller=teller,
            accounts=accounts,
            customers=customers,
            detached=detached,
            clock=clock,
            deployment=deployment,
        )
        sending = Sending(
            store=store,
            teller=teller,
            settlement=settlement,
            detached=detached,
            clock=clock,
            deployment=deployment,
        )
        charges = ChargeService(
            store=store,
            teller=teller,
            accounts=accounts,
            settlement=settlement,
            sending=sending,
            clock=clock,
            deployment=deployment,
        )
        captures = CaptureService(store=store, teller=teller, sending=sending, clock=clock, deployment=deployment)
        voids = VoidService(
            store=store, teller=teller, settlement=settlement, sending=sending, clock=clock, deployment=deployment
        )
        orders = OrderService(store=store, voids=voids, clock=clock, deployment=deployment)
        refunds = RefundService(
            store=store, teller=teller, settlement=settlement, detached=detached, clock=clock, deployment=deployment
        )
        dispute_settlement = DisputeSettlement(store=store, teller=teller, settlement=settlement, clock=clock)
        webhooks = WebhookService(
            store=store,
            providers=providers,
            teller=teller,
            settlement=settlement,
            disputes=dispute_settlement,
            payment_methods=payment_methods,
            clock=clock,
        )
        redactions = RedactionService(
            store=store,
            providers=providers,
            teller=teller,
            accounts=accounts,
            payment_methods=payment_methods,
            clock=clock,
        )
        resolver = Resolver(
            store=store,
            teller=teller,
            settlement=settlement,
            disputes=dispute_settlement,
            clock=clock,
            deployment=deployment,
        )
        reconciliation = ReconciliationService(
            store=store,
            providers=providers,
            teller=teller,
            settlement=settlement,
            disputes=dispute_settlement,
            clock=clock,
            deployment=deployment,
        )
        invoicing = Invoicing(teller=teller, deployment=deployment)
        collecting = Collecting(charges=charges)
        applying = Applying(invoicing=invoicing, collecting=collecting)
        ending, pausing = Ending(applying=applying), Pausing(applying=applying)
        billing = Billing(
            store=store,
            renewing=Renewing(invoicing=invoicing, collecting=collecting),
            collecting=collecting,
            voids=voids,
            sending=sending,
            changes=handlers(ending=ending, pausing=pausing),
            clock=clock,
            deployment=deployment,
        )
        managing = Managing(store=store, billing=billing, sending=sending, clock=clock, deployment=deployment)
        changes = ChangeService(
            store=store,
            managing=managing,
            billing=billing,
            applying=applying,
            charges=charges,
            invoicing=invoicing,
            clock=clock,
            deployment=deployment,
        )
        test_clocks = TestClockService(
            store=store, billing=billing, orders=orders, detached=detached, clock=clock, deployment=deployment
        )
        background = Background(
            store=store,
            billing=billing,
            charges=charges,
            orders=orders,
            payment_methods=payment_methods,
            reconciliation=reconciliation,
            redactions=redactions,
            resolver=resolver,
            test_clocks=test_clocks,
            voids=voids,
            webhooks=webhooks,
            clock=clock,
            deployment=deployment,
        )
        api_keys = ApiKeyService(store=store, clock=clock)
        verifier = await _verifier(settings, store)
        try:
            yield Gateway(
                settings=settings,
                database=database,
                store=store,
                services=Services(
                    accounts=accounts,
                    api_keys=api_keys,
                    customers=customers,
                    products=ProductService(store=store, clock=clock, deployment=deployment),
                    payment_methods=payment_methods,
                    orders=orders,
                    changes=changes,
                    endings=EndingService(managing=managing, ending=ending),
                    pauses=PausingService(managing=managing, pausing=pausing),
                    undoing=UndoingService(managing=managing),
                    subscription_cards=SubscriptionCardService(managing=managing, collecting=collecting),
                    subscriptions=SubscriptionService(
                        store=store,
                        accounts=accounts,
                        charges=charges,
                        invoicing=invoicing,
                        sending=sending,
                        clock=clock,
                        deployment=deployment,
                    ),
                    invoices=InvoiceService(
                        store=store,
                        invoicing=invoicing,
                        charges=charges,
                        sending=sending,
                        clock=clock,
                        deployment=deployment,
                    ),
                    charges=charges,
                    captures=captures,
                    voids=voids,
                    test_clocks=test_clocks,
                    refunds=refunds,
                    credit_notes=CreditNoteService(store=store, clock=clock),
                    balances=BalanceService(store=store, clock=clock),
                    issuers=IssuerService(store=store, clock=clock, deployment=deployment),
                    disputes=DisputeService(
                        store=store,
                        teller=teller,
                        settlement=dispute_settlement,
                        detached=detached,
                        clock=clock,
                        deployment=deployment,
                    ),
                    redactions=redactions,
                    webhooks=webhooks,
                    jobs=JobService(store=store, clock=clock),
                    decisions=DecisionService(
                        store=store, teller=teller, settlement=settlement, resolver=resolver, clock=clock
                    ),
                    reconciliation=reconciliation,
                    discrepancies=DiscrepancyService(store=store, clock=clock),
                    queries=TortoiseQueries(database),
                    feed=feed,
                    providers=providers,
                    deployment=deployment,
                ),
                api_keys=api_keys,
                webhooks=webhooks,
                access=Access(
                    store=store,
                    api_keys=api_keys,
                    verifier=verifier,
                    admin_keys=settings.admin_keys,
                    public_catalogue=settings.public_catalogue,
                ),
                verifier=verifier,
                background=background,
                worker=Worker(
                    TortoiseJobQueue(database), background.run, longest_job_seconds=deployment.longest_job_seconds
                ),
                detached=detached,
                feed=feed,
                live=Live(),
                teller=teller,
                bank=bank,
            )
        finally:
            left = await detached.drain(grace_seconds=settings.shutdown_seconds)
            if left:
                _log.warning("%d payments were still under way; they are finished after the next start", left)
            await providers.close()
            await feed.close()
            await log.close()
            if bank is not None:
                bank.close()
    finally:
        await database.close()


async def _verifier(settings: Settings, store: Store) -> Verifier | None:
    if settings.jwks_url and settings.jwt_issuer:
        return JwksVerifier(url=settings.jwks_url, issuer=settings.jwt_issuer)
    if settings.jwt_secret and settings.jwt_issuer:
        return SecretVerifier(secret=settings.jwt_secret.get_secret_value(), issuer=settings.jwt_issuer)
    if settings.is_development:
        return SecretVerifier(secret=await _development_secret(store), issuer=DEVELOPMENT_ISSUER)
    return None


async def _development_secret(store: Store) -> str:
    """Made at the first start and kept, so that `paydesk token` and a running gateway agree."""
    async with store.transaction() as tx:
        secret = await tx.facts.get("development_jwt_secret")
        if secret is None:
            secret = secrets.token_hex(32)
            await tx.facts.put("development_jwt_secret", secret)
        return secret


# --- the application ------------------------------------------------------------------------------------------------


def application(running: Gateway) -> Starlette:
    settings = running.settings
    graphql = _graphql(running)
    routes: list[Route | WebSocketRoute | Mount] = [
        Route("/graphql", _cross_origin(graphql, settings)),
        WebSocketRoute("/graphql", graphql.socket),
        *webhook_routes(running.webhooks),
        *health_routes(lambda: _is_ready(running), recovery=lambda: _recovery(running)),
    ]
    if settings.serves_graphiql:
        routes.append(Mount(ASSETS_PATH, graphiql_assets()))
        routes.append(Route("/", lambda _request: RedirectResponse("/graphql"), methods=["GET"]))
    if running.bank is not None:
        routes.extend(fake_routes(running.bank))
    middleware = [Middleware(RequestLog, request_id_of=request_id_of, bind=_bind_request_id)]
    if settings.is_development:
        # A page on the internet may give its own name our address (DNS rebinding); the token is not for it.
        middleware.append(Middleware(TrustedHostMiddleware, allowed_hosts=["localhost", "127.0.0.1", "[::1]"]))
    middleware.append(Middleware(Compression))
    return Starlette(routes=routes, middleware=middleware)


def _cross_origin(app: ASGIApp, settings: Settings) -> ASGIApp:
    """Lets the pages of some origins ask. There are no cookies, so there are no credentials to allow."""
    if not settings.cors_origins and settings.cors_pattern is None:
        return app
    return CORSMiddleware(
        app,
        allow_origins=settings.cors_origins,
        allow_origin_regex=settings.cors_pattern,
        allow_methods=("GET", "HEAD", "POST"),
        # Each client library has headers of its own, and ours are all read by nobody but us.
        allow_headers=("*",),
        expose_headers=(HEADER, "Retry-After"),
        max_age=CORS_SECONDS,
    )


def _bind_request_id(value: str) -> None:
    request_id.set(value)


def _graphql(running: Gateway) -> GraphQLView:
    async def context(connection: HTTPConnection) -> Context:
        authorization = connection.headers.get("authorization")
        return Context(
            running.services,
            await principal(authorization),
            network=proxies.network_of(connection),
            again=lambda: principal(authorization),
        )

    async def principal(authorization: str | None) -> Principal:
        try:
            return await running.access.principal_of(authorization)
        except CredentialsRejected:
            raise Unauthenticated from None
        except CredentialsNotChecked as error:
            raise NotCheckedNow(error.retry_after_seconds) from None

    async def graphiql(_request: Request) -> Response:
        return graphiql_page(
            endpoint="/graphql", token=_graphiql_token(running), provider=running.services.providers.default.name
        )

    settings = running.settings
    proxies = Proxies(settings.trusted_proxies)
    try:
        return GraphQLView(
            build_schema(),
            context=context,
            graphiql=graphiql if settings.serves_graphiql else None,
            introspection=settings.serves_introspection,
            debug_suggestions=settings.is_development,
            error_formatter=error_formatter(),
            trusted=TrustedDocuments.read(settings.documents) if settings.documents else None,
            needs_trusted=lambda context: _needs_trusted(context, settings.documents_only),
            transient=_is_transient,
            live=running.live,
            origins=Origins([settings.address, *settings.cors_origins], settings.cors_pattern),
        )
    except DocumentsUnusable as error:
        raise SettingsWrong([f"PAYDESK_DOCUMENTS: {sentence}" for sentence in error.sentences]) from None


def _is_transient(error: Exception) -> bool:
    """The database is away, and may be back before a client is."""
    return isinstance(error, DatabaseUnavailable) or is_transient(error)


def _wrong_documents(running: Gateway) -> list[str]:
    try:
        _graphql(running)
    except SettingsWrong as error:
        return error.sentences
    return []


def _needs_trusted(context: Context, only: DocumentsOnly) -> bool:
    if only is DocumentsOnly.CUSTOMERS:
        return not context.principal.sees_all
    return only is DocumentsOnly.EVERYBODY


def _graphiql_token(running: Gateway) -> str | None:
    """In development only: whoever can open the page is at the machine."""
    if not running.settings.is_development or not isinstance(running.verifier, SecretVerifier):
        return None
    return running.verifier.sign("developer", role=StaffRole.ADMIN, lifetime_seconds=GRAPHIQL_TOKEN_SECONDS)


async def _lacks(running: Gateway) -> list[str]:
    try:
        return await _migrations_to_run(running.database)
    except DatabaseIsNewer as error:
        return [str(error)]
    except Exception:
        # Whatever keeps it from answering, a probe has to be told so, and not to fail itself.
        _log.exception("the database does not answer")
        return ["the database does not answer"]


async def _is_ready(running: Gateway) -> list[str]:
    return await _lacks(running) or await _refuses_writes(running)


async def _require_own_books(running: Gateway) -> None:
    if not await are_books_of_mode(running.store, livemode=running.services.deployment.livemode, claim=True):
        raise SettingsWrong([_OTHER_MODE])


async def _refuses_writes(running: Gateway) -> list[str]:
    """A disk that is full, or a database that became read-only, answers every question and takes no payment."""
    try:
        async with asyncio.timeout(PROBE_SECONDS), running.store.transaction() as tx:
            await tx.facts.put("probed_at", SystemClock().now().isoformat())
    except TimeoutError:
        return []  # busy, which is no reason to send everybody elsewhere
    except Exception:
        # As above: what keeps it from writing has a hundred names, and a probe has to be told so.
        _log.exception("the database takes no writes")
        return ["the database takes no writes"]
    return []


async def _recovery(running: Gateway) -> Standing | None:
    """How far reconciliation is with all accounts together; None outside recovery."""
    if not running.services.deployment.recovery:
        return None
    standings = [standing for _, _, standing in (await running.services.reconciliation.standings()).values()]
    return worst_of(standings)


async def _migrations_to_run(database: Database) -> list[str]:
    waiting = await pending(database)
    return [f"migrations to run: {', '.join(waiting)} (paydesk migrate)"] if waiting else []


# --- running --------------------------------------------------------------------------------------------------------


async def serve(settings: Settings) -> None:
    async with gateway(settings) as running:
        if missing := await _lacks(running):
            raise SettingsWrong([f"The gateway is not ready: {'; '.join(missing)}."])
        await _require_own_books(running)
        app = application(running)
        listener = _listener(settings)
        await note_default_account(
            running.store,
            running.services.providers,
            clock=SystemClock(),
            deployment=running.services.deployment,
        )
        for account in await out_of_reach(running.store, running.services.providers):
            _log.warning(_OUT_OF_REACH, account)
        await running.background.begin()
        stop = _told_to_stop()
        server = _Server(
            uvicorn.Config(
                app,
                lifespan="off",
                ws="websockets-sansio",
                ws_max_size=running.live.limits.message_bytes,
                # A compressed message is unpacked before anybody can refuse it: 64 KB were seen to become 53 MB.
                ws_per_message_deflate=False,
                log_config=None,
                access_log=False,
                server_header=False,
                # By default it would believe whoever asks from this machine.
                proxy_headers=bool(settings.trusted_proxies),
                forwarded_allow_ips=as_seen(settings.trusted_proxies),
                timeout_graceful_shutdown=int(settings.shutdown_seconds),
            ),
            stop=stop,
        )
        beside = [_beside(running.worker.work(stop), "worker")] if settings.worker else []
        beside.append(_beside(_hang_up(running.live, stop), "hanging up"))
        beside.append(_beside(_look_at_silent_accounts(running.teller), "looking at silent accounts"))
        if running.bank is not None and settings.fake_inside is not None:
            sender = WebhookSender(
                running.bank,
                url=f"{_own_address(settings)}/webhooks/{settings.fake_inside.name}",
                clock=SystemClock(),
                secrets=fake_webhook_secrets(settings.fake[settings.fake_inside.prefix]),
            )
            beside.append(_beside(sender.run(), "webhooks of the fake provider"))
        broken = _watch(beside, stop, tell=server.end)
        if settings.serves_graphiql:
            typer.echo(f"GraphiQL: {settings.address}/graphql")
        _keep_for_good()
        try:
            await server.serve(sockets=[listener])
        finally:
            stop.set()
            await _wind_up(running, beside, since=server.told_to_stop_at)
        for task in broken:
            task.result()


class _Server(uvicorn.Server):
    """Remembers when it was told to stop: requests, jobs and payments share one time to end."""

    told_to_stop_at: float | None = None

    def __init__(self, config: uvicorn.Config, *, stop: asyncio.Event) -> None:
        super().__init__(config)
        self.stop = stop
        """Set with the signal, so that no job is begun while requests are still ending."""

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        super().handle_exit(sig, frame)
        self.end()

    def end(self) -> None:
        self.told_to_stop_at = self.told_to_stop_at or time.monotonic()
        self.stop.set()
        self.should_exit = True


def _listener(settings: Settings) -> socket.socket:
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    # Only with the protocol named does asyncio send the end of an answer at once, before its beginning is acknowledged.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if hasattr(socket, "TCP_USER_TIMEOUT"):
        # What a closed connection has still to send is kept for its client, and one that does not read, but answers
        # that its window is full, would have it kept for ever. Accepted connections inherit this.
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, UNREAD_SECONDS * 1000)
    try:
        listener.bind((settings.host, settings.port))
    except OSError as error:
        listener.close()
        raise SettingsWrong(
            [f"{settings.host}:{settings.port} cannot be listened on ({error.strerror}): PAYDESK_PORT sets another."]
        ) from None
    return listener


async def work(settings: Settings) -> None:
    async with gateway(settings) as running:
        await _require_own_books(running)
        stop = _told_to_stop()
        await running.background.begin()
        beside = [
            _beside(running.worker.work(stop), "worker"),
            _beside(_look_at_silent_accounts(running.teller), "looking at silent accounts"),
        ]
        broken = _watch(beside, stop)
        _keep_for_good()
        await stop.wait()
        await _wind_up(running, beside)
        for task in broken:
            task.result()


def _keep_for_good() -> None:
    """What is there by now lives as long as the process. To look through it for garbage would stop everything for
    70 ms each time (137,000 objects)."""
    gc.collect()
    gc.freeze()


async def _look_at_silent_accounts(teller: Teller) -> None:
    """So that an outage of a provider ends here when it ends there, also while nobody wants to pay."""
    while True:
        await asyncio.sleep(LOOK_AT_SILENT_SECONDS)
        await teller.look_at_silent_accounts()


async def _hang_up(live: Live, stop: asyncio.Event) -> None:
    """At once, so that what would last for ever does not use up the time that payments have to end."""
    await stop.wait()
    live.go_away()


def _told_to_stop() -> asyncio.Event:
    """Set by SIGINT and SIGTERM, which therefore do not end the process by themselves.

    uvicorn raises the signal that ended it once more when it is done; by default that would be our end too, with
    payments still under way.
    """
    stop = asyncio.Event()
    for signal_number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(signal_number, stop.set)
    return stop


def _own_address(settings: Settings) -> str:
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    return f"http://{host}:{settings.port}"


def _beside(work_: Any, name: str) -> asyncio.Task[None]:
    return asyncio.get_running_loop().create_task(work_, name=name, context=contextvars.Context())


def _watch(
    beside: list[asyncio.Task[None]], stop: asyncio.Event, *, tell: Callable[[], None] = lambda: None
) -> list[asyncio.Task[None]]:
    """Those that end before they have to, in a list that is empty at first: the process ends with them.

    Without them it would go on to answer, with jobs that nobody does. Whatever looks after the process starts it again.
    """
    broken: list[asyncio.Task[None]] = []

    def ended(task: asyncio.Task[None]) -> None:
        if stop.is_set():
            return
        _log.critical("the %s has ended by itself, and the process ends too", task.get_name())
        broken.append(task)
        tell()
        stop.set()

    for task in beside:
        task.add_done_callback(ended)
    return broken


async def _wind_up(running: Gateway, beside: list[asyncio.Task[None]], *, since: float | None = None) -> None:
    """Jobs and payments share the time that is left since the process was told to stop."""
    deadline = (since or time.monotonic()) + running.settings.shutdown_seconds
    await _end(beside, max(deadline - time.monotonic(), 0))
    await running.detached.drain(grace_seconds=max(deadline - time.monotonic(), 0))


async def _end(tasks: list[asyncio.Task[None]], grace_seconds: float) -> None:
    """The worker finishes what it has begun; the webhook sender is simply ended, for its deliveries are kept."""
    for task in tasks:
        if task.get_name() != "worker":
            task.cancel()
    if tasks:
        _, late = await asyncio.wait(tasks, timeout=grace_seconds)
        for task in late:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


# --- commands -------------------------------------------------------------------------------------------------------

cli = typer.Typer(
    name="paydesk",
    help="A billing gateway with one GraphQL API over any payment provider.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)
keys = typer.Typer(help="Server keys: made, listed, rotated, revoked.", no_args_is_help=True)
cli.add_typer(keys, name="keys")


@cli.command("serve")
def serve_command() -> None:
    """Run the gateway, with its worker unless PAYDESK_WORKER=false."""
    _run(_alone(serve))


@cli.command("worker")
def worker_command() -> None:
    """Do the jobs alone, without the API. On PostgreSQL as many as wanted; on SQLite, see PAYDESK_SQLITE_SHARED."""
    _run(_alone(work))


@cli.command("migrate")
def migrate_command() -> None:
    """Bring the database up to this version. Safe to run from several replicas at once, and beside older gateways."""

    async def bring_up(settings: Settings) -> None:
        async with _database(settings) as database:
            done = await migrate(database)
        typer.echo(f"Migrated: {', '.join(done)}." if done else "Nothing to migrate.")

    _run(bring_up)


@cli.command("demo")
def demo_command() -> None:
    """Fill a believable shop. Can be repeated; refused with a provider that moves real money."""

    async def fill(settings: Settings) -> None:
        if settings.default_account.provider != "fake":
            raise SettingsWrong(["The demo shop is for the fake provider only."])
        async with gateway(settings) as running:
            if missing := await _lacks(running):
                raise SettingsWrong(missing)
            typer.echo(await fill_demo_shop(running.services))

    _run(fill)


@cli.command("schema")
def schema_command() -> None:
    """Print the GraphQL schema as SDL."""
    typer.echo(build_schema().as_str())


@cli.command("token")
def token_command(
    subject: Annotated[str, typer.Argument(help="Who: a name for staff, the externalId for a customer.")],
    role: Annotated[StaffRole | None, typer.Option(help="Makes it staff; without, it is a customer.")] = None,
    hours: Annotated[float, typer.Option(min=0.01, max=24, help="How long it is good.")] = 1.0,
) -> None:
    """Print a token, for development; elsewhere tokens come from the identity provider."""

    async def sign(settings: Settings) -> None:
        if settings.is_production:
            raise SettingsWrong(
                ["PAYDESK_ENVIRONMENT is production (the default), where tokens come from the identity provider."]
            )
        async with _database(settings) as database:
            if settings.is_development:
                await migrate(database)
            verifier = await _verifier(settings, TortoiseStore(database))
        if not isinstance(verifier, SecretVerifier):
            raise SettingsWrong(["PAYDESK_JWT_SECRET and PAYDESK_JWT_ISSUER have to be set to sign tokens."])
        typer.echo(verifier.sign(subject, role=role, lifetime_seconds=int(hours * 3600)))

    _run(sign)


_DAILY = ALL_PERMISSIONS - PERMISSIONS_TO_BE_NAMED
_SHORTLY = {
    ALL_PERMISSIONS: "all",
    _DAILY: "all but " + ", ".join(sorted(PERMISSIONS_TO_BE_NAMED)),
}


@keys.command("create")
def keys_create_command(
    name: Annotated[str, typer.Argument(help="What it is for, such as `shop backend`.")],
    scope: Annotated[
        list[Permission] | None,
        typer.Option(
            help="What it may do; can be given more than once. By default everything but CUSTOMERS_REDACT, KEYS_READ, "
            "KEYS_WRITE, AUDIT_READ, UPKEEP_READ and UPKEEP_WRITE, which have to be named."
        ),
    ] = None,
    days: Annotated[
        int | None, typer.Option(min=1, max=3650, help="After how many days it ends; never if not given.")
    ] = None,
) -> None:
    """Make a server key and print it: it can be seen this once."""

    async def create(settings: Settings) -> None:
        async with _api_keys(settings) as api_keys:
            expires_at = SystemClock().now() + timedelta(days=days) if days else None
            wanted = CreateApiKey(name=name, permissions=frozenset(scope or _DAILY), expires_at=expires_at)
            with acting_as(operator(), "keys create"):
                issued = await api_keys.create(operator(), wanted)
        typer.echo(f"{issued.key.id}  {issued.key.name}", err=True)
        typer.echo(issued.secret)

    _run(create)


@keys.command("list")
def keys_list_command() -> None:
    """List the server keys, without their secrets."""

    async def show(settings: Settings) -> None:
        async with _api_keys(settings) as api_keys:
            made = await api_keys.all()
            if not made:
                typer.echo("There are no keys yet: paydesk keys create NAME makes one.")
            now = SystemClock().now()
            for key in made:
                state = "revoked" if key.revoked_at else "active" if key.is_active(now=now) else "expired"
                used = f"{key.last_used_at:%Y-%m-%d %H:%M}" if key.last_used_at else "never used"
                scopes = _SHORTLY.get(key.permissions) or ", ".join(sorted(key.permissions))
                typer.echo(f"{key.id}  {state:8}  {used:16}  …{key.last4 or '????'}  {key.name}  ({scopes})")

    _run(show)


@keys.command("rotate")
def keys_rotate_command(
    key_id: Annotated[str, typer.Argument(help="`key_…`, as `keys list` shows it.")],
    overlap: Annotated[int, typer.Option(min=0, max=168, help="For how many hours the old secret stays good.")] = 24,
) -> None:
    """Give a server key a new secret and print it: it can be seen this once. The old one ends after the overlap."""

    async def rotate(settings: Settings) -> None:
        async with _api_keys(settings) as api_keys:
            with acting_as(operator(), "keys rotate"):
                wanted = RotateApiKey(key_id=key_id, overlap=timedelta(hours=overlap))
                issued = await api_keys.rotate(operator(), wanted)
        ends = issued.key.previous_ends_at
        until = f"until {ends:%Y-%m-%d %H:%M} UTC" if ends else "no more"
        typer.echo(f"{issued.key.id}  {issued.key.name}: the old secret is good {until}.", err=True)
        typer.echo(issued.secret)

    _run(rotate)


@keys.command("revoke")
def keys_revoke_command(key_id: Annotated[str, typer.Argument(help="`key_…`, as `keys list` shows it.")]) -> None:
    """Make a server key useless at once."""

    async def revoke(settings: Settings) -> None:
        async with _api_keys(settings) as api_keys:
            with acting_as(operator(), "keys revoke"):
                key = await api_keys.revoke(operator(), key_id)
        typer.echo(f"{key.id} is revoked.")

    _run(revoke)


@cli.command("check")
def check_command() -> None:
    """Test the configuration and the connections, and say what is wrong."""

    async def check(settings: Settings) -> None:
        wrong = []
        typer.echo(f"environment  {settings.environment}")
        async with gateway(settings) as running:
            typer.echo(f"database     {running.database.address}")
            lacks = await _lacks(running)
            wrong += lacks
            wrong += await _wrong_with_accounts(running)
            if not lacks and not await are_books_of_mode(running.store, livemode=settings.is_production):
                wrong.append(_OTHER_MODE)
            for account in [] if lacks else await out_of_reach(running.store, running.services.providers):
                typer.echo(f"note         {_OUT_OF_REACH % account}")
            if settings.documents:
                typer.echo(f"documents    {settings.documents}")
                wrong += _wrong_documents(running)
            opens = running.verifier is not None or settings.admin_key is not None
            if not opens and not lacks and not await running.api_keys.all():
                wrong.append("nobody can sign in: make a key (paydesk keys create), or set PAYDESK_JWT_SECRET")
        for sentence in wrong:
            typer.echo(f"wrong        {sentence}")
        if wrong:
            raise typer.Exit(1)
        typer.echo("All is well.")

    _run(check)


async def _wrong_with_accounts(running: Gateway) -> list[str]:
    """Of all of them at once: each that does not answer takes its time to be given up."""
    providers, settings = running.services.providers, running.settings
    default, *others = settings.declared
    opened = {account: providers.require(account.name) for account in (default, *others)}
    modes = {account: f"{'live' if provider.livemode else 'test'} mode" for account, provider in opened.items()}
    typer.echo(f"provider     {default.name} ({modes[default]})")
    for account in others:
        typer.echo(f"account      {account.name} ({account.provider}, {modes[account]})")
    problems = await asyncio.gather(*(provider.check() for provider in opened.values()))
    called = {account: "the provider" if account is default else f"the account {account}" for account in opened}
    return [f"{called[account]}: {problem}" for account, problem in zip(opened, problems, strict=True) if problem]


@cli.command("fake-provider")
def fake_provider_command(
    port: Annotated[int, typer.Option(min=1, max=65535, help="Where it listens, on 127.0.0.1.")] = 8001,
) -> None:
    """Run the fake provider as a bank of its own, for a gateway with PAYDESK_FAKE_URL."""

    async def run_bank(settings: Settings) -> None:
        if settings.is_production:
            raise SettingsWrong(["The fake provider does not run in production."])
        own = settings.fake[PLAIN]
        if own.api_key is None:
            raise SettingsWrong(["PAYDESK_FAKE_API_KEY has to be set: the gateway shows it to the bank."])
        bank = open_bank(own, public_url=f"http://127.0.0.1:{port}")
        sender = (
            WebhookSender(bank, url=own.webhook_url, clock=SystemClock(), secrets=fake_webhook_secrets(own))
            if own.webhook_url
            else None
        )
        app = fake_bank_app(bank, api_key=own.api_key.get_secret_value(), webhooks=sender)
        config = uvicorn.Config(
            app, host="127.0.0.1", port=port, log_config=None, access_log=False, timeout_graceful_shutdown=3
        )
        _told_to_stop()
        try:
            await uvicorn.Server(config).serve()
        finally:
            bank.close()

    _run(run_bank)


@contextlib.asynccontextmanager
async def _database(settings: Settings) -> AsyncIterator[Database]:
    database = await Database.open(settings.database_url)
    try:
        yield database
    finally:
        await database.close()


@contextlib.asynccontextmanager
async def _api_keys(settings: Settings) -> AsyncIterator[ApiKeyService]:
    async with _database(settings) as database:
        if settings.is_development:
            await migrate(database)
        if missing := await _migrations_to_run(database):
            raise SettingsWrong(missing)
        clock = SystemClock()
        yield ApiKeyService(store=AuditedStore(TortoiseStore(database), clock=clock), clock=clock)


def _alone(command: Callable[[Settings], Awaitable[None]]) -> Callable[[Settings], Awaitable[None]]:
    """Of those that go on for long. The others may run beside them, and beside one another."""

    async def alone(settings: Settings) -> None:
        with alone_on(settings.database_url, shared=settings.sqlite_shared):
            await command(settings)

    return alone


def _run(command: Callable[[Settings], Awaitable[None]]) -> None:
    """Read the settings and run; what an operator got wrong is told in plain words, without a traceback."""
    try:
        settings = load_settings()
        configure_logs(json=settings.logs_json, level=settings.log_level, request_id=request_id.get)
        asyncio.run(_awaited(command(settings)))
    except SettingsWrong as error:
        for sentence in error.sentences:
            typer.echo(f"paydesk: {sentence}", err=True)
        raise typer.Exit(2) from None
    except (DatabaseUnavailable, DatabaseIsNewer, PaydeskError) as error:
        typer.echo(f"paydesk: {error}", err=True)
        raise typer.Exit(1) from None
    except KeyboardInterrupt:
        raise typer.Exit(130) from None


async def _awaited(work_: Awaitable[None]) -> None:
    await work_


def main() -> None:
    cli()


if __name__ == "__main__":
    main()
