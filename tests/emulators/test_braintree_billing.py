"""The life of subscriptions at the Braintree emulator, by its clock, and what is told of it."""

from datetime import timedelta
from decimal import Decimal
from random import Random
from typing import Any

import pytest
from braintree import WebhookNotification

from tests.emulators.braintree_club import Club, open_club
from tests.emulators.braintree_shop import Shop, codes

_DAY = timedelta(days=1)
_Kind = WebhookNotification.Kind


@pytest.fixture
def club(bt: Shop) -> Club:
    return open_club(bt)


def _setup(club: Club, **setup: Any) -> Club:
    """A club whose recurring billing is set up like this."""
    club.bt.control("reset", {"seed": 0, **setup})
    return open_club(club.bt)


def test_a_subscription_is_charged_each_period_until_its_last_is_over(club: Club) -> None:
    made = club.subscribed("with_seats", number_of_billing_cycles=3)

    seen = []
    for _ in range(3):
        before = club.find(made)
        club.until(before.next_billing_date)
        seen.append(club.find(made))

    second, third, over = seen
    assert (second.current_billing_cycle, second.status, len(second.transactions)) == (2, "Active", 2)
    assert second.billing_period_start_date == made.next_billing_date
    assert second.paid_through_date == second.billing_period_end_date
    # The discount was for two periods.
    assert [each.amount for each in third.transactions] == [35, 25, 25]
    assert ([each.id for each in third.transactions[0].discounts], third.discounts[0].current_billing_cycle) == ([], 2)
    assert (over.status, over.current_billing_cycle, len(over.transactions)) == ("Expired", 3, 3)
    assert over.status_history[0].subscription_source == "recurring"
    assert club.told() == ["charged_successfully", "went_active", *["charged_successfully"] * 2, "expired"]


def test_years_pass_at_once(club: Club) -> None:
    made = club.subscribed("yearly", first_billing_date=club.today + _DAY)

    club.until(made.first_billing_date + timedelta(days=3 * 366))

    found = club.find(made)
    starts = [each.subscription_details.billing_period_start_date for each in found.transactions]
    first_year = made.first_billing_date.year
    assert [start.year for start in starts] == [first_year + 3, first_year + 2, first_year + 1, first_year]
    assert [each.created_at.date() for each in found.transactions] == starts
    assert (found.current_billing_cycle, starts[-1]) == (4, made.first_billing_date)


def test_a_billing_day_is_the_last_of_months_that_lack_it(club: Club) -> None:
    made = club.subscribed(billing_day_of_month=31, number_of_billing_cycles=12)

    club.until(made.first_billing_date + timedelta(days=340))

    days = [each.subscription_details.billing_period_start_date for each in club.find(made).transactions]
    assert len(days) >= 11
    assert {(day + _DAY).day for day in days} == {1}


def test_a_trial_ends_with_its_first_charge(club: Club) -> None:
    made = club.subscribed("trial")

    club.until(made.first_billing_date)

    found = club.find(made)
    assert (found.status, found.current_billing_cycle, found.transactions[0].amount) == ("Active", 1, 30)
    assert found.billing_period_start_date == made.first_billing_date
    assert club.told() == ["trial_ended", "charged_successfully"]


def test_a_pending_subscription_goes_active_with_its_first_charge(club: Club) -> None:
    made = club.subscribed(first_billing_date=club.today + 3 * _DAY)

    club.until(club.today + 2 * _DAY)
    assert club.find(made).status == "Pending"
    club.until(club.today + _DAY)

    found = club.find(made)
    assert (found.status, [each.status for each in found.status_history]) == ("Active", ["Active", "Pending"])
    assert club.told() == ["charged_successfully", "went_active"]


def test_what_is_not_paid_is_owed_on_top_of_the_next_period(club: Club) -> None:
    made = club.subscribed()
    club.decline()

    club.until(made.next_billing_date)
    first = club.find(made)
    club.until(first.next_billing_date - 5 * _DAY)
    days = club.find(made).days_past_due
    club.until(first.next_billing_date)
    second = club.find(made)
    club.decline(None)
    club.until(second.next_billing_date)
    paid = club.find(made)

    assert (first.status, first.balance, first.failure_count, first.days_past_due) == ("Past Due", 30, 1, 0)
    assert first.paid_through_date == made.paid_through_date
    assert first.transactions[0].processor_response_code == "2001"
    assert days == (first.next_billing_date - made.next_billing_date).days - 5
    assert (second.balance, second.failure_count, second.current_billing_cycle) == (60, 2, 3)
    assert (paid.status, paid.balance, paid.failure_count, paid.transactions[0].amount) == ("Active", 0, 0, 90)
    assert paid.paid_through_date == paid.billing_period_end_date
    assert club.told()[2:] == [
        "charged_unsuccessfully",
        "went_past_due",
        "charged_unsuccessfully",
        "charged_successfully",
        "went_active",
    ]


def test_a_failed_charge_is_tried_again_as_it_is_set_up(club: Club) -> None:
    club = _setup(club, retry_after_days=[3, 7])
    made = club.subscribed()
    club.decline()

    club.until(made.next_billing_date)
    failed = club.find(made)
    club.until(failed.next_billing_date)
    again = club.find(made)
    club.decline(None)
    club.until(again.next_billing_date)
    paid = club.find(made)

    assert failed.next_billing_date == made.next_billing_date + 3 * _DAY
    assert again.next_billing_date == failed.next_billing_date + 7 * _DAY
    assert (again.failure_count, again.balance, again.current_billing_cycle) == (2, 30, 2)
    assert (paid.status, paid.balance, paid.failure_count, paid.transactions[0].amount) == ("Active", 0, 0, 30)
    assert paid.next_billing_date == failed.billing_period_end_date + _DAY
    assert paid.billing_period_start_date == failed.billing_period_start_date


@pytest.mark.parametrize(("cancels", "status"), [(True, "Canceled"), (False, "Past Due")])
def test_after_the_last_try_a_subscription_is_canceled_or_waits(club: Club, cancels: bool, status: str) -> None:
    club = _setup(club, retry_after_days=[3], cancels_after_retries=cancels)
    made = club.subscribed()
    club.decline()

    club.until(made.next_billing_date + 4 * _DAY)

    found = club.find(made)
    assert (found.status, found.failure_count, len(found.transactions)) == (status, 2, 3)
    assert (club.told()[-1] == "canceled") is cancels


def test_a_debt_is_paid_by_hand(club: Club) -> None:
    made = club.subscribed()
    assert codes(club.bt.sdk.subscription.retry_charge(made.id)) == ["91531"]
    assert codes(club.bt.sdk.subscription.retry_charge("nobodys")) == ["91528"]
    club.decline()
    club.until(made.next_billing_date)

    failed = club.bt.sdk.subscription.retry_charge(made.id)
    after_failure = club.find(made)
    club.decline(None)
    part = club.bt.sdk.subscription.retry_charge(made.id, Decimal("10.00"), True).transaction
    owing = club.find(made)
    rest = club.bt.sdk.subscription.retry_charge(made.id).transaction
    paid = club.find(made)

    assert (failed.transaction.status, after_failure.failure_count) == ("processor_declined", 1)
    assert (part.status, part.amount, part.subscription_id) == ("submitted_for_settlement", 10, made.id)
    assert (owing.status, owing.balance) == ("Past Due", 20)
    assert (rest.status, rest.amount) == ("authorized", 20)
    assert (paid.status, paid.balance, paid.paid_through_date) == ("Active", 0, paid.billing_period_end_date)
    assert club.told()[2:] == [
        "charged_unsuccessfully",
        "went_past_due",
        "charged_successfully",
        "charged_successfully",
        "went_active",
    ]


def test_another_card_pays_a_debt_at_once_where_changes_are_prorated(club: Club) -> None:
    club = _setup(club, prorates_upgrades=True)
    made = club.subscribed()
    customer = made.transactions[0].customer_details.id
    asked = {"customer_id": customer, "payment_method_nonce": "fake-valid-mastercard-nonce"}
    other = club.bt.sdk.payment_method.create(asked).payment_method
    club.decline()
    club.until(made.next_billing_date)

    updated = club.update(made, payment_method_token=other.token).subscription

    assert (updated.status, updated.balance, len(updated.transactions)) == ("Active", 0, 3)
    assert updated.transactions[0].credit_card_details.token == other.token


def test_a_debt_outlives_the_last_period(club: Club) -> None:
    made = club.subscribed(number_of_billing_cycles=2)
    club.decline()
    club.until(made.next_billing_date + 70 * _DAY)
    owing = club.find(made)

    club.decline(None)
    club.bt.sdk.subscription.retry_charge(made.id, None, True)

    assert (owing.status, owing.balance, owing.current_billing_cycle) == ("Past Due", 30, 2)
    assert club.find(made).status == "Expired"
    assert club.told()[-2:] == ["charged_successfully", "expired"]


def test_a_period_that_costs_nothing_is_skipped(club: Club) -> None:
    free = club.subscribed(price="0.00")
    covered = club.subscribed(price="2.00", discounts={"add": [{"inherited_from_id": "friend"}]})
    made = club.subscribed()
    credited = club.update(made, price="1.00", options={"prorate_charges": True}).subscription

    club.until(made.next_billing_date)

    found = club.find(made)
    assert (free.status, free.price, free.transactions) == ("Active", 0, [])
    assert (covered.next_billing_period_amount, covered.transactions) == (0, [])
    assert credited.balance < -20
    assert (found.balance, len(found.transactions)) == (credited.balance + 1, 1)
    assert (found.current_billing_cycle, found.paid_through_date) == (2, found.billing_period_end_date)
    assert club.told().count("billing_skipped") == 5


def test_a_notification_brings_the_subscription_as_it_was_then(club: Club) -> None:
    club.bt.control("webhooks", {"endpoints": [{"url": None}]})
    made = club.subscribed()
    club.decline()
    club.until(made.next_billing_date)
    club.bt.sdk.subscription.cancel(made.id)

    kept = club.bt.control("collected", {})["deliveries"]
    opened = [club.bt.sdk.webhook_notification.parse(each["bt_signature"], each["bt_payload"]) for each in kept]

    told = {each.kind: each for each in opened}
    assert set(told) == {
        _Kind.SubscriptionChargedSuccessfully,
        _Kind.SubscriptionWentActive,
        _Kind.SubscriptionChargedUnsuccessfully,
        _Kind.SubscriptionWentPastDue,
        _Kind.SubscriptionCanceled,
    }
    charged = told[_Kind.SubscriptionChargedSuccessfully].subscription
    failed = told[_Kind.SubscriptionChargedUnsuccessfully]
    assert (charged.id, charged.status, charged.transactions[0].amount) == (made.id, "Active", 30)
    assert (failed.subscription.status, failed.subscription.transactions[0].status) == (
        "Past Due",
        "processor_declined",
    )
    assert failed.timestamp.date() == made.next_billing_date
    assert told[_Kind.SubscriptionCanceled].subscription.balance == 30


def test_a_subscription_s_charge_is_settled_and_refunded_like_any(club: Club) -> None:
    made = club.subscribed()
    club.until(made.first_billing_date + 3 * _DAY)

    refund = club.bt.sdk.transaction.refund(made.transactions[0].id, "10.00").transaction

    assert club.find(made).transactions[0].status == "settled"
    assert (refund.type, refund.subscription_id) == ("credit", made.id)


def test_a_test_makes_one_past_due(club: Club) -> None:
    made = club.subscribed()

    club.bt.sdk.testing.make_past_due(made.id, 3)

    found = club.find(made)
    assert (found.status, found.balance, found.days_past_due) == ("Past Due", 30, 3)
    free = club.subscribed(price="0.00")
    club.bt.sdk.testing.make_past_due(free.id)
    assert codes(club.bt.sdk.subscription.retry_charge(free.id)) == ["81531"]
    assert club.told()[2] == "went_past_due"


@pytest.mark.parametrize("seed", range(3))
def test_what_is_paid_and_owed_is_what_was_due_whatever_happens(club: Club, seed: int) -> None:
    random = Random(seed)
    club = _setup(club, retry_after_days=[3, 10])
    made = club.subscribed("with_seats", number_of_billing_cycles=random.choice([4, 12]))

    for _ in range(15):
        step = random.random()
        if step < 0.4:
            club.decline(random.choice([None, "2001"]))
        elif step < 0.5:
            club.bt.sdk.subscription.retry_charge(made.id, random.choice([None, "1.00"]), True)
        else:
            club.until(club.today + timedelta(days=random.randrange(1, 40)))

    found = club.find(made)
    periods = found.current_billing_cycle
    paid = sum(Decimal(sale["captured"]) for sale in club.bt.control("truth")["sales"])
    assert periods > 1
    # 30 and a seat; the first two periods had a discount.
    assert paid + found.balance == 35 * periods - 20
