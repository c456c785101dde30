"""Subscriptions at the Braintree emulator: made, changed, canceled and found."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
import requests
from braintree import Subscription, SubscriptionSearch, TransactionSearch
from braintree.exceptions.not_found_error import NotFoundError
from braintree.exceptions.unexpected_error import UnexpectedError

from tests.emulators.braintree_club import Club, open_club
from tests.emulators.braintree_shop import VISA, Shop, codes

_DAY = timedelta(days=1)
_PRORATED = {"prorate_charges": True}
_REFUSED: list[tuple[dict[str, Any], list[str]]] = [
    ({"id": "two words"}, ["81906"]),
    ({"id": "sub_1"}, ["81902"]),
    ({"plan_id": "weekly"}, ["91904"]),
    ({"payment_method_token": "nobody's"}, ["91903"]),
    ({"payment_method_token": None, "payment_method_nonce": "nobody's"}, ["91925"]),
    ({"payment_method_token": None, "payment_method_nonce": VISA}, ["91927"]),
    ({"price": ""}, ["81903"]),
    ({"price": "much"}, ["81904"]),
    ({"price": "10000000000.00"}, ["81923"]),
    ({"trial_period": True}, ["81909", "81908"]),
    ({"trial_period": True, "trial_duration": "x", "trial_duration_unit": "day"}, ["81907"]),
    ({"billing_day_of_month": "x"}, ["91913"]),
    ({"billing_day_of_month": 29}, ["91914"]),
    ({"first_billing_date": "soon"}, ["91915"]),
    ({"first_billing_date": "2020-01-01"}, ["91916"]),
    ({"billing_day_of_month": 5, "options": {"start_immediately": True}}, ["91917"]),
    ({"number_of_billing_cycles": "x"}, ["91906"]),
    ({"number_of_billing_cycles": 0}, ["91907"]),
    ({"number_of_billing_cycles": 3, "never_expires": True}, ["91908"]),
    ({"never_expires": False}, ["91912"]),
    (
        {"descriptor": {"name": "abcd*x", "phone": "%bad4445555", "url": "12345678901234"}},
        ["92201", "92202", "92206"],
    ),
    ({"price": "much", "number_of_billing_cycles": 0, "id": "two words"}, ["81906"]),
    ({"price": "much", "number_of_billing_cycles": 0}, ["81904", "91907"]),
]
_REFUSED_LISTS: list[tuple[dict[str, Any], list[str]]] = [
    ({"add_ons": {"add": [{"amount": "1.00"}]}}, ["92014"]),
    ({"add_ons": {"add": [{"inherited_from_id": "friend"}]}}, ["92013"]),
    ({"add_ons": {"add": [{"inherited_from_id": "seat"}]}}, ["91911"]),
    ({"add_ons": {"update": [{"quantity": 1}]}}, ["92012"]),
    ({"add_ons": {"update": [{"existing_id": "desk"}]}}, ["92011"]),
    ({"discounts": {"update": [{"existing_id": "seat"}]}}, ["92020"]),
    ({"add_ons": {"update": [{"existing_id": "seat"}], "remove": ["seat"]}}, ["92015"]),
    ({"add_ons": {"remove": ["desk"]}}, ["92016"]),
    ({"add_ons": {"remove": ["start"]}}, ["92021"]),
    ({"add_ons": {"update": [{"existing_id": "seat", "amount": None, "quantity": None}]}}, ["92003", "92004"]),
    ({"add_ons": {"update": [{"existing_id": "seat", "amount": "x", "quantity": -2}]}}, ["92002", "92001"]),
    ({"add_ons": {"update": [{"existing_id": "seat", "quantity": 0}]}}, ["92010"]),
    ({"add_ons": {"update": [{"existing_id": "seat", "number_of_billing_cycles": "x"}]}}, ["92005"]),
    ({"add_ons": {"update": [{"existing_id": "seat", "number_of_billing_cycles": 0}]}}, ["92019"]),
    ({"add_ons": {"update": [{"existing_id": "seat", "never_expires": False}]}}, ["92017"]),
    (
        {"add_ons": {"update": [{"existing_id": "seat", "never_expires": True, "number_of_billing_cycles": 1}]}},
        ["92018"],
    ),
]


@pytest.fixture
def club(bt: Shop) -> Club:
    return open_club(bt)


# --- made -------------------------------------------------------------------------------------------------------------


def test_a_subscription_charges_its_first_period_at_once(club: Club) -> None:
    made = club.subscribed(id="sub_1", descriptor={"name": "abc*monthly", "phone": "3334445555"})

    found = club.find(made)

    (transaction,) = found.transactions
    assert (found.id, found.status, found.plan_id, found.price) == ("sub_1", "Active", "monthly", 30)
    assert (found.current_billing_cycle, found.balance, found.failure_count, found.days_past_due) == (1, 0, 0, None)
    assert (found.never_expires, found.number_of_billing_cycles, found.trial_period) == (True, None, False)
    assert found.billing_period_start_date == found.first_billing_date == club.today
    assert found.next_billing_date - found.billing_period_end_date == _DAY
    assert found.paid_through_date == found.billing_period_end_date
    assert 28 <= (found.next_billing_date - found.first_billing_date).days <= 32
    assert (found.payment_method_token, found.merchant_account_id) == (club.token, "usd_account")
    assert (transaction.amount, transaction.status, transaction.type) == (30, "submitted_for_settlement", "sale")
    assert (transaction.subscription_id, transaction.plan_id, transaction.recurring) == ("sub_1", "monthly", True)
    assert transaction.subscription_details.billing_period_end_date == found.billing_period_end_date
    assert (transaction.descriptor.name, transaction.credit_card_details.token) == ("abc*monthly", club.token)
    assert [(each.status, each.price, each.subscription_source) for each in found.status_history] == [
        ("Active", 30, "api")
    ]
    assert club.told() == ["charged_successfully", "went_active"]


def test_two_equal_subscriptions_are_no_duplicates(club: Club) -> None:
    first, second = club.subscribed(), club.subscribed()

    assert {first.status, second.status} == {"Active"}
    assert first.id != second.id


def test_a_subscription_whose_first_charge_fails_is_not_made(club: Club) -> None:
    declined = club.subscribe(id="sub_1", price="2000.00")

    assert not declined.is_success
    assert (declined.transaction.status, declined.transaction.subscription_id) == ("processor_declined", None)
    assert declined.message == "Do Not Honor"
    with pytest.raises(NotFoundError):
        club.bt.sdk.subscription.find("sub_1")
    assert club.told() == []


def test_a_trial_charges_nothing(club: Club) -> None:
    of_plan = club.subscribed("trial")
    own = club.subscribed("monthly", trial_period=True, trial_duration=2, trial_duration_unit="month")
    none = club.subscribed("trial", trial_period=False)

    assert (of_plan.status, of_plan.transactions, of_plan.current_billing_cycle) == ("Active", [], 0)
    assert of_plan.first_billing_date == of_plan.next_billing_date == club.today + 7 * _DAY
    assert (of_plan.billing_period_start_date, of_plan.paid_through_date) == (None, None)
    assert (own.trial_duration, own.trial_duration_unit) == (2, Subscription.TrialDurationUnit.Month)
    assert 58 < (own.first_billing_date - club.today).days < 63
    assert (none.trial_period, len(none.transactions)) == (False, 1)


def test_a_subscription_may_start_later(club: Club) -> None:
    on_a_date = club.subscribed("trial", first_billing_date=club.today + 3 * _DAY)
    on_a_day = club.subscribed("on_the_5th", billing_day_of_month=28)
    at_once = club.subscribed("on_the_5th", options={"start_immediately": True})
    today = club.subscribed("monthly", first_billing_date=club.today)

    assert (on_a_date.status, on_a_date.first_billing_date) == ("Pending", club.today + 3 * _DAY)
    assert (on_a_date.trial_period, on_a_date.transactions) == (False, [])
    assert (on_a_day.billing_day_of_month, on_a_day.first_billing_date.day) == (28, 28)
    assert club.subscribed("on_the_5th").first_billing_date.day == 5
    assert (at_once.status, len(at_once.transactions)) == ("Active", 1)
    assert (today.status, len(today.transactions)) == ("Active", 1)


def test_add_ons_and_discounts_come_from_the_plan_and_from_the_request(club: Club) -> None:
    inherited = club.subscribed("with_seats")
    without = club.subscribed("with_seats", options={"do_not_inherit_add_ons_or_discounts": True})
    other = club.subscribed(
        "with_seats",
        add_ons={
            "update": [{"existing_id": "seat", "quantity": 3}],
            "add": [{"inherited_from_id": "desk", "amount": Decimal("7.50"), "number_of_billing_cycles": 1}],
        },
        discounts={"remove": ["start"]},
    )

    assert [each.id for each in (*inherited.add_ons, *inherited.discounts)] == ["seat", "start"]
    assert inherited.transactions[0].amount == Decimal("25.00")
    assert [each.id for each in inherited.transactions[0].discounts] == ["start"]
    assert inherited.next_billing_period_amount == Decimal("25.00")
    assert (without.add_ons, without.discounts, without.transactions[0].amount) == ([], [], 30)
    assert {each.id: (each.amount, each.quantity) for each in other.add_ons} == {
        "seat": (5, 3),
        "desk": (Decimal("7.50"), 1),
    }
    assert (other.discounts, other.transactions[0].amount) == ([], Decimal("52.50"))
    assert other.next_billing_period_amount == Decimal("45.00")


def test_a_subscription_is_made_with_the_nonce_of_a_kept_card(club: Club) -> None:
    nonce = club.bt.nonce(club.token, three_d_secure="authenticate_successful")

    made = club.subscribed(payment_method_token=None, payment_method_nonce=nonce)

    assert made.payment_method_token == club.token
    assert made.transactions[0].three_d_secure_info.status == "authenticate_successful"
    assert codes(club.subscribe(payment_method_token=None, payment_method_nonce=nonce)) == ["91925"]


def test_only_the_first_charge_needs_the_customer(club: Club) -> None:
    club.bt.control("issuers", {"card": club.token, "asks": "on_session"})

    declined = club.subscribe()
    nonce = club.bt.nonce(club.token, three_d_secure="authenticate_successful")
    made = club.subscribed(payment_method_token=None, payment_method_nonce=nonce)
    club.until(made.next_billing_date)

    assert declined.transaction.processor_response_code == "2099"
    assert (club.find(made).status, len(club.find(made).transactions)) == ("Active", 2)


def test_the_merchant_account_has_the_plan_s_currency(club: Club) -> None:
    made = club.subscribed("euro", merchant_account_id="eur_account")

    assert made.transactions[0].currency_iso_code == made.status_history[0].currency_iso_code == "EUR"
    assert codes(club.subscribe("euro")) == ["91923"]
    assert codes(club.subscribe("euro", merchant_account_id="nobody's")) == ["91901"]


def test_a_subscription_that_cannot_be_is_refused(club: Club) -> None:
    club.subscribed(id="sub_1")

    for asked, expected in _REFUSED:
        assert (asked, codes(club.subscribe(**asked))) == (asked, expected)
    assert [each["id"] for each in club.bt.control("truth")["subscriptions"]] == ["sub_1"]


def test_what_cannot_change_the_price_is_refused(club: Club) -> None:
    for lists, expected in _REFUSED_LISTS:
        assert (lists, codes(club.subscribe("with_seats", **lists))) == (lists, expected)


def test_an_error_in_a_list_says_where_it_is(club: Club) -> None:
    asked = [{"existing_id": "seat", "quantity": 2}, {"existing_id": "seat", "amount": "x"}]

    errors = club.subscribe("with_seats", add_ons={"update": asked}).errors.for_object("subscription")

    updates = errors.for_object("add_ons").for_object("update")
    assert updates.for_index(0).size == 0
    assert updates.for_index(1).on("amount")[0].code == "92002"


# --- changed ----------------------------------------------------------------------------------------------------------


def test_a_subscription_is_changed_and_renamed(club: Club) -> None:
    other = club.bt.sdk.payment_method.create(
        {
            "customer_id": club.find(made := club.subscribed()).transactions[0].customer_details.id,
            "payment_method_nonce": VISA,
        }
    ).payment_method.token

    updated = club.update(
        made,
        id="sub_2",
        price="40.00",
        plan_id="trial",
        payment_method_token=other,
        number_of_billing_cycles=6,
        descriptor={"name": "abc*other"},
        add_ons={"add": [{"inherited_from_id": "seat"}]},
    ).subscription

    assert (updated.id, updated.price, updated.plan_id, updated.payment_method_token) == ("sub_2", 40, "trial", other)
    assert (updated.number_of_billing_cycles, updated.descriptor.name) == (6, "abc*other")
    assert (updated.next_billing_period_amount, len(updated.transactions)) == (45, 1)
    assert updated.transactions[0].subscription_id == "sub_2"
    assert [(each.price, each.plan_id) for each in updated.status_history] == [(40, "trial"), (30, "monthly")]
    with pytest.raises(NotFoundError):
        club.find(made)


def test_another_plan_changes_the_price_when_its_periods_are_others(club: Club) -> None:
    made = club.subscribed("yearly")

    same = club.update(club.subscribed(), plan_id="on_the_5th", price="31.00").subscription
    other = club.update(made, plan_id="monthly").subscription
    own = club.update(made, plan_id="yearly", price="250.00").subscription

    assert (same.price, other.price, own.price) == (31, 30, 250)
    assert other.next_billing_date == made.next_billing_date


def test_add_ons_and_discounts_are_replaced(club: Club) -> None:
    made = club.subscribed("with_seats")

    replaced = club.update(
        made,
        add_ons={"add": [{"inherited_from_id": "desk"}]},
        options={"replace_all_add_ons_and_discounts": True},
    ).subscription

    assert ([each.id for each in replaced.add_ons], replaced.discounts) == (["desk"], [])
    assert replaced.next_billing_period_amount == 38


def test_an_upgrade_pays_for_the_rest_of_the_period(club: Club) -> None:
    made = club.subscribed()
    club.until(club.today + 10 * _DAY)
    left = (made.billing_period_end_date - club.today).days
    days = (made.next_billing_date - made.first_billing_date).days

    updated = club.update(made, price="60.00", options=_PRORATED).subscription

    assert updated.transactions[0].amount == (Decimal(30) * left / days).quantize(Decimal("0.01"))
    assert (len(updated.transactions), updated.balance, updated.status) == (2, 0, "Active")
    assert updated.next_billing_date == made.next_billing_date
    assert club.told()[2:] == ["charged_successfully"]


def test_a_downgrade_is_credited_to_what_comes_next(club: Club) -> None:
    made = club.subscribed()

    lower = club.update(made, price="15.00", options=_PRORATED).subscription
    higher = club.update(made, price="16.00", options=_PRORATED).subscription

    assert -15 < lower.balance < -13
    assert lower.balance < higher.balance < 0
    assert len(higher.transactions) == 1


def test_nothing_is_prorated_unless_it_is_asked_for_or_set_up(club: Club) -> None:
    updated = club.update(club.subscribed(), price="60.00").subscription
    in_trial = club.update(club.subscribed("trial"), price="60.00", options=_PRORATED).subscription

    assert (len(updated.transactions), updated.balance) == (1, 0)
    assert (in_trial.transactions, in_trial.balance) == ([], 0)


def test_an_upgrade_that_cannot_be_paid_is_taken_back(club: Club) -> None:
    made = club.subscribed("with_seats")
    club.decline()

    refused = club.update(made, id="sub_2", price="60.00", add_ons={"remove": ["seat"]}, options=_PRORATED)
    found = club.find(made)

    assert not refused.is_success
    assert refused.transaction.status == refused.subscription.transactions[0].status == "processor_declined"
    assert (refused.subscription.id, refused.subscription.price) == (made.id, 30)
    assert refused.transaction.subscription_id == made.id
    assert (found.price, found.balance, len(found.transactions), len(found.add_ons)) == (30, 0, 2, 1)
    assert club.told()[2:] == ["charged_unsuccessfully"]


def test_an_upgrade_that_cannot_be_paid_is_owed_when_it_may(club: Club) -> None:
    made = club.subscribed()
    club.decline()

    options = {**_PRORATED, "revert_subscription_on_proration_failure": False}
    updated = club.update(made, price="60.00", options=options).subscription

    assert (updated.price, updated.balance) == (60, updated.transactions[0].amount)
    assert 28 <= updated.balance <= 30


def test_what_is_over_cannot_be_changed(club: Club) -> None:
    made = club.subscribed(number_of_billing_cycles=1)
    canceled = club.subscribed()
    club.bt.sdk.subscription.cancel(canceled.id)
    club.until(made.next_billing_date)

    assert codes(club.update(canceled, price="1.00")) == ["81901"]
    assert codes(club.bt.sdk.subscription.cancel(canceled.id)) == ["81905"]
    assert codes(club.update(made, price="1.00")) == ["81910"]
    assert codes(club.bt.sdk.subscription.cancel(made.id)) == ["81910"]
    club.bt.sdk.testing.make_past_due(canceled.id)
    assert club.find(canceled).status == "Canceled"
    with pytest.raises(NotFoundError):
        club.bt.sdk.subscription.cancel("nobodys")


def test_a_refused_change_changes_nothing(club: Club) -> None:
    made = club.subscribed()
    stranger = club.bt.customer_with()[1]

    assert codes(club.update(made, id="sub_2", payment_method_token=stranger)) == ["91905"]
    assert codes(club.update(made, number_of_billing_cycles=3, price="x")) == ["81904"]
    assert codes(club.update(made, plan_id="weekly")) == ["91904"]
    assert codes(club.update(made, id=made.id, price="")) == ["81903"]
    assert (club.find(made).number_of_billing_cycles, club.find(made).payment_method_token) == (None, club.token)


def test_what_is_past_due_changes_only_what_does_not_cost(club: Club) -> None:
    made = club.subscribed("with_seats")
    club.bt.sdk.testing.make_past_due(made.id)

    assert codes(club.update(made, price="1.00")) == ["91920"]
    assert codes(club.update(made, add_ons={"remove": ["seat"]})) == ["92022"]
    assert club.update(made, descriptor={"name": "abc*other"}).is_success


# --- canceled, and the vault ------------------------------------------------------------------------------------------


def test_a_canceled_subscription_is_never_charged_again(club: Club) -> None:
    made = club.subscribed()

    canceled = club.bt.sdk.subscription.cancel(made.id).subscription
    club.until(made.next_billing_date + 60 * _DAY)

    assert (canceled.status, canceled.status_history[0].status) == ("Canceled", "Canceled")
    assert len(club.find(made).transactions) == 1
    assert club.told()[2:] == ["canceled"]


def test_a_deleted_card_cancels_what_it_pays_for(club: Club) -> None:
    customer, other = club.bt.customer_with()
    mine, theirs = club.subscribed(), club.subscribed(payment_method_token=other)
    pending = club.subscribed(first_billing_date=club.today + 3 * _DAY)
    assert [each.id for each in club.bt.sdk.payment_method.find(club.token).subscriptions] == [mine.id, pending.id]

    club.bt.sdk.payment_method.delete(club.token)

    assert [club.find(each).status for each in (mine, pending, theirs)] == ["Canceled", "Canceled", "Active"]
    club.bt.sdk.customer.delete(customer)
    assert club.find(theirs).status == "Canceled"
    assert club.told().count("canceled") == 3


def test_a_renamed_card_goes_on_paying(club: Club) -> None:
    made = club.subscribed()

    club.bt.sdk.payment_method.update(club.token, {"token": "pm_new"})
    club.until(made.next_billing_date)

    found = club.find(made)
    assert (found.payment_method_token, len(found.transactions)) == ("pm_new", 2)


# --- found ------------------------------------------------------------------------------------------------------------


def test_a_subscription_is_found_by_what_it_says(club: Club) -> None:
    mine = club.subscribed(id="find_me", price="12.00", number_of_billing_cycles=9)
    other = club.subscribed("trial", id="other", price="13.00", number_of_billing_cycles=3)
    owing = club.subscribed("euro", id="owing", merchant_account_id="eur_account")
    club.bt.sdk.testing.make_past_due(owing.id, 5)

    def ids(*criteria: Any) -> list[str]:
        return [found.id for found in club.bt.sdk.subscription.search(list(criteria)).items]

    for criterion in (
        SubscriptionSearch.id.starts_with("find"),
        SubscriptionSearch.price == "12.00",
        SubscriptionSearch.billing_cycles_remaining >= 8,
        SubscriptionSearch.transaction_id == mine.transactions[0].id,
    ):
        assert ids(criterion) == [mine.id]
    for criterion in (
        SubscriptionSearch.plan_id == "trial",
        SubscriptionSearch.plan_id.in_list("trial", "yearly"),
        SubscriptionSearch.in_trial_period == True,  # noqa: E712 (the SDK's operator)
        SubscriptionSearch.next_billing_date <= club.today + 8 * _DAY,
        SubscriptionSearch.billing_cycles_remaining.between(3, 4),
    ):
        assert ids(criterion) == [other.id]
    for criterion in (
        SubscriptionSearch.status == Subscription.Status.PastDue,
        SubscriptionSearch.days_past_due == 5,
        SubscriptionSearch.merchant_account_id == "eur_account",
    ):
        assert ids(criterion) == [owing.id]
    assert ids(SubscriptionSearch.created_at >= club.today + _DAY) == []
    assert ids(SubscriptionSearch.status.in_list("Active", "Past Due")) == [owing.id, other.id, mine.id]
    of_clock = [each.id for each in club.bt.sdk.transaction.search([TransactionSearch.source == "recurring"]).items]
    assert of_clock == [owing.transactions[0].id, mine.transactions[0].id]
    with pytest.raises(UnexpectedError):
        ids(SubscriptionSearch.days_past_due == "many")


def test_pages_of_subscriptions_are_fetched_one_by_one(club: Club) -> None:
    club.bt.control("reset", {"page_size": 2})
    club = open_club(club.bt)
    made = [club.subscribed("trial").id for _ in range(5)]

    found = club.bt.sdk.subscription.search([SubscriptionSearch.plan_id == "trial"])

    assert found.maximum_size == 5
    assert [each.id for each in found.items] == made[::-1]


def test_the_truth_tells_of_subscriptions(club: Club) -> None:
    made = club.subscribed()

    truth = club.bt.control("truth")

    (told,) = truth["subscriptions"]
    assert (told["id"], told["status"], told["transaction_ids"]) == (made.id, "Active", [made.transactions[0].id])
    assert [sale["subscription_id"] for sale in truth["sales"]] == [made.id]


def test_a_declined_or_lost_request_leaves_what_it_says(club: Club) -> None:
    club.bt.misbehave(
        {"on": "subscriptions.create", "fault": "decline", "code": "2010", "last": 1},
        {"on": "subscriptions.create", "fault": "lose_answer", "first": 2, "last": 2},
    )

    declined = club.subscribe(id="sub_1")
    with pytest.raises(requests.ConnectionError):
        club.subscribe(id="sub_2")

    assert declined.transaction.processor_response_code == "2010"
    assert [each["id"] for each in club.bt.control("truth")["subscriptions"]] == ["sub_2"]
    assert codes(club.subscribe(id="sub_2")) == ["81902"]
