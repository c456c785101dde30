"""The Braintree emulator's notifications, opened with the SDK."""

from typing import Any

import pytest
from braintree.exceptions.invalid_signature_error import InvalidSignatureError

from tests.emulators.braintree_receiver import receiving
from tests.emulators.braintree_shop import Shop, until

_CARD = {"number": "4023898493988028", "expiration_date": "12/2030"}


def _dispute(bt: Shop) -> Any:
    return bt.sold("100.00", nonce=None, credit_card=_CARD).disputes[0]


def _kept(bt: Shop) -> list[dict[str, str]]:
    deliveries: list[dict[str, str]] = bt.control("collected", {})["deliveries"]
    return deliveries


def test_a_dispute_is_told_from_its_opening_to_its_end(bt: Shop) -> None:
    with receiving(bt) as receiver:
        dispute = _dispute(bt)
        bt.sdk.dispute.add_text_evidence(dispute.id, "compelling_evidence")
        bt.sdk.dispute.finalize(dispute.id)
        receiver.until_count(3)

        opened = receiver.opened()

    assert sorted(each.kind for each in opened) == ["dispute_disputed", "dispute_opened", "dispute_won"]
    assert {each.dispute.id for each in opened} == {dispute.id}
    (won,) = [each for each in opened if each.kind == "dispute_won"]
    assert (won.dispute.status, won.dispute.amount_won) == ("won", 100)
    assert won.dispute.transaction.id == dispute.transaction.id
    assert won.timestamp == won.dispute.updated_at


def test_a_receiver_has_to_answer_a_challenge(bt: Shop) -> None:
    with receiving(bt, registered=False, knows_the_key=False) as receiver:
        stranger = bt.http.post("/_control/webhooks", json={"endpoints": [{"url": receiver.url}]})
        receiver.knows_the_key = True
        own = bt.http.post("/_control/webhooks", json={"endpoints": [{"url": receiver.url}]})

    assert (stranger.status_code, own.status_code) == (422, 200)


def test_only_the_kinds_that_are_wanted_are_told(bt: Shop) -> None:
    with receiving(bt, "dispute_accepted") as receiver:
        bt.sdk.dispute.accept(_dispute(bt).id)
        receiver.until_count(1)
        kinds = receiver.kinds

    assert kinds == ["dispute_accepted"]


def test_a_check_and_an_old_notification_can_be_sent_once_more(bt: Shop) -> None:
    with receiving(bt) as receiver:
        _dispute(bt)
        receiver.until_count(1)
        bt.control("deliveries", {"number": 1})
        receiver.until_count(2)
        bt.control("deliveries", {"number": "check"})
        receiver.until_count(3)
        delivered, kinds = list(receiver.delivered), receiver.kinds

    assert delivered[0] == delivered[1]
    assert kinds == ["dispute_opened", "dispute_opened", "check"]


def test_a_delivery_is_tried_again_until_it_is_taken(bt: Shop) -> None:
    with receiving(bt) as receiver:
        receiver.status = 500
        _dispute(bt)
        receiver.until_count(1)
        receiver.status = 200
        receiver.until_count(2)
        until(lambda: not bt.control("webhooks")["waiting"])

    assert [attempt["status"] for attempt in bt.control("webhooks")["attempts"]] == [500, 200]


@pytest.mark.parametrize(("fault", "count"), [("twice", 2), ("again", 2), ("drop", 1), ("delay", 1)])
def test_a_notification_may_come_twice_or_late(bt: Shop, fault: str, count: int) -> None:
    bt.misbehave({"on": "webhook", "fault": fault, "seconds": 0.1, "last": 1})
    with receiving(bt) as receiver:
        _dispute(bt)
        receiver.until_count(count)
        until(lambda: not bt.control("webhooks")["waiting"])
        delivered = list(receiver.delivered)

    assert len(delivered) == count
    assert len(set(delivered)) == 1


def test_a_notification_may_be_overtaken(bt: Shop) -> None:
    bt.misbehave({"on": "webhook:dispute_opened", "fault": "overtaken", "seconds": 60})
    with receiving(bt) as receiver:
        bt.sdk.dispute.accept(_dispute(bt).id)
        receiver.until_count(2)
        kinds = receiver.kinds

    assert kinds == ["dispute_accepted", "dispute_opened"]


@pytest.mark.parametrize(
    ("fault", "error"),
    [("forged", InvalidSignatureError), ("altered", InvalidSignatureError), ("malformed", ValueError)],
)
def test_what_is_not_from_braintree_comes_first_and_then_the_real_one(
    bt: Shop, fault: str, error: type[Exception]
) -> None:
    bt.misbehave({"on": "webhook", "fault": fault, "last": 1})
    with receiving(bt) as receiver:
        receiver.status = 400
        _dispute(bt)
        receiver.until_count(1)
        receiver.status = 200
        receiver.until_count(2)
        bad, good = receiver.delivered

    with pytest.raises(error):
        bt.sdk.webhook_notification.parse(*bad)
    assert bt.sdk.webhook_notification.parse(*good).kind == "dispute_opened"


def test_a_good_signature_may_be_over_nonsense(bt: Shop) -> None:
    bt.misbehave({"on": "webhook", "fault": "unreadable", "last": 1})
    bt.control("webhooks", {"endpoints": [{"url": None}]})
    _dispute(bt)

    (kept,) = _kept(bt)

    with pytest.raises(Exception, match="syntax error"):
        bt.sdk.webhook_notification.parse(kept["bt_signature"], kept["bt_payload"])


def test_a_kind_that_nobody_knows_comes_before_the_real_one(bt: Shop) -> None:
    bt.misbehave({"on": "webhook", "fault": "stranger", "last": 1})
    bt.control("webhooks", {"endpoints": [{"url": None}]})
    _dispute(bt)

    kept = _kept(bt)

    parsed = [bt.sdk.webhook_notification.parse(each["bt_signature"], each["bt_payload"]) for each in kept]
    assert [each.kind for each in parsed] == ["mystery_solved", "dispute_opened"]


def test_a_notification_may_never_come(bt: Shop) -> None:
    bt.misbehave({"on": "webhook", "fault": "never"})
    bt.control("webhooks", {"endpoints": [{"url": None}]})
    _dispute(bt)

    assert _kept(bt) == []
    assert [told["kind"] for told in bt.control("webhooks")["told"]] == ["dispute_opened"]


def test_what_is_kept_is_collected_once(bt: Shop) -> None:
    bt.control("webhooks", {"endpoints": [{"url": None}]})
    _dispute(bt)

    assert [each["kind"] for each in _kept(bt)] == ["dispute_opened"]
    assert _kept(bt) == []
