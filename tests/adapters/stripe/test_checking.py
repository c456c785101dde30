"""What `paydesk check` says of a key."""

import asyncio
from pathlib import Path

import pytest

from persistence.sql import Dialect
from tests.adapters.stripe.desk import PUBLISHABLE_KEY, SECRET_KEY, Desk
from tests.databases import NewDatabaseUrl
from tests.server.processes import run_paydesk, settings


async def test_a_key_that_may_read_what_is_needed_is_good_and_nothing_is_changed(desk: Desk) -> None:
    before = len(await desk.requests())
    assert await desk.provider.check() is None
    asked = (await desk.requests())[before:]
    assert {each["method"] for each in asked} == {"GET"}


async def test_what_a_restricted_key_lacks_is_named(desk: Desk) -> None:
    lacking = ("payment_methods", "charges", "disputes", "events")
    await desk.misbehave(*({"on": f"{name}.list", "fault": "forbidden"} for name in lacking))
    assert await desk.provider.check() == (
        "The secret key may not read PaymentMethods, Charges, Disputes, Events: "
        "give it that permission in the Dashboard."
    )


async def test_what_the_key_may_not_do_was_certainly_not_done_and_is_no_outage(desk: Desk) -> None:
    """Whoever sends it again learns nothing of what was sent before, under a key that was changed since."""
    await desk.misbehave({"on": "payment_intents.create", "fault": "forbidden"})
    charge = await desk.charge()
    assert charge.outcome == "NOT_SENT"
    assert charge.refusal is not None
    assert charge.refusal.message.startswith("The secret key may not do this at Stripe")
    assert not charge.refusal.is_outage


@pytest.mark.parametrize("fault", ["unavailable", "html", "rate_limit"])
async def test_a_stripe_that_does_not_answer_well_is_told_of(desk: Desk, fault: str) -> None:
    await desk.misbehave({"on": "*", "fault": fault})
    assert await desk.provider.check()


async def test_the_command_says_whose_the_money_is_and_what_is_wrong(
    desk: Desk, new_database_url: NewDatabaseUrl, tmp_path: Path
) -> None:
    chosen = settings(new_database_url(Dialect.SQLITE), tmp_path, provider="stripe") | {
        "STRIPE_SECRET_KEY": SECRET_KEY,
        "STRIPE_PUBLISHABLE_KEY": PUBLISHABLE_KEY,
        "STRIPE_WEBHOOK_SECRET": "whsec_1",
        "STRIPE_API_BASE": desk.address,
    }
    await desk.misbehave({"on": "refunds.list", "fault": "forbidden"})
    done = await asyncio.to_thread(run_paydesk, "check", settings=chosen, folder=tmp_path)
    assert "provider     stripe (test mode)" in done.stdout
    assert "the provider: The secret key may not read Refunds" in done.stdout
    assert done.returncode == 1
    assert SECRET_KEY not in done.stdout + done.stderr
