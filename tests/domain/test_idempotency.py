"""A key belongs to one request, which its fingerprint tells from every other."""

import re
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from domain.errors import IdempotencyConflict, InvalidInput
from domain.idempotency import ERASED_FINGERPRINT, KEY_LIFETIME, LONGEST_KEY, IdempotencyKey, KeyedRequest, fingerprint
from tests.domain.examples import NOW, many

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
keys = st.text(st.characters(categories=["L", "N", "P", "S"]), min_size=1, max_size=3)
inputs = st.dictionaries(st.text(max_size=5), values, max_size=4)


def turned(value: Any) -> Any:
    """The same value with the entries of all mappings in the other order."""
    if isinstance(value, dict):
        return {name: turned(content) for name, content in reversed(value.items())}
    return [turned(item) for item in value] if isinstance(value, list) else value


def same(one: Any, other: Any) -> bool:
    """Equality as a client means it: true is not 1."""
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(same(one[name], other[name]) for name in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(same, one, other))
    return type(one) is type(other) and bool(one == other)


def request(key: str = "key-1", **sent: Any) -> KeyedRequest:
    return KeyedRequest(principal="staff:ada", mutation="orderCharge", key=key, fingerprint=fingerprint(sent))


class TestFingerprints:
    @many
    @given(inputs)
    def test_the_order_of_fields_does_not_matter(self, sent: dict[str, Any]) -> None:
        assert fingerprint(sent) == fingerprint(turned(sent))

    @many
    @given(inputs, inputs)
    def test_other_input_has_another_fingerprint(self, one: dict[str, Any], other: dict[str, Any]) -> None:
        assert (fingerprint(one) == fingerprint(other)) == same(one, other)

    @many
    @given(inputs, st.data())
    def test_any_single_change_is_seen(self, sent: dict[str, Any], data: st.DataObject) -> None:
        assume(sent)
        name = data.draw(st.sampled_from(sorted(sent)))
        changed = data.draw(values.filter(lambda value: not same(value, sent[name])))
        assert fingerprint(sent | {name: changed}) != fingerprint(sent)
        assert fingerprint({key: value for key, value in sent.items() if key != name}) != fingerprint(sent)

    @pytest.mark.parametrize(
        ("one", "other"),
        [
            ({"a": 1}, {"a": "1"}),
            ({"a": 1}, {"a": True}),
            ({"a": None}, {}),
            ({"a": None}, {"a": "null"}),
            ({"a": ""}, {"a": None}),
            ({"a": [1, 2]}, {"a": [2, 1]}),
            ({"a": [1, 2]}, {"a": [[1, 2]]}),
            ({"a": {"b": 1}}, {"a": 1, "b": 1}),
            ({"a": "é"}, {"a": "e\u0301"}),
            ({"a": "x"}, {"a": "x "}),
        ],
    )
    def test_what_looks_alike_is_told_apart(self, one: dict[str, Any], other: dict[str, Any]) -> None:
        assert fingerprint(one) != fingerprint(other)

    def test_it_is_the_same_in_every_process_and_release(self) -> None:
        # Stored for three days: after an upgrade a client's retry must still be the same request.
        sent = {"orderId": "ord_1", "amount": {"minorUnits": 1000, "currency": "USD"}, "note": None}
        assert fingerprint(sent) == "241c57cb661257cb2bf95afe5d9970513cb05a54ad054f113cfa231c3153ddff"

    def test_nothing_can_be_read_from_it(self) -> None:
        assert re.fullmatch("[0-9a-f]{64}", fingerprint({"email": "ada@example.org", "half": "\ud800"}))


class TestKeys:
    @pytest.mark.parametrize("key", ["", " ", "x" * (LONGEST_KEY + 1), "a\x00b", "a\nb", "\ud800", "\x7f"])
    def test_a_key_that_cannot_be_stored_is_refused(self, key: str) -> None:
        with pytest.raises(InvalidInput) as refused:
            request(key)
        assert refused.value.path == ("idempotencyKey",)

    @pytest.mark.parametrize("key", ["1", "x" * LONGEST_KEY, "order 42, first try", "ключ-🔑"])
    def test_any_printable_key_is_taken(self, key: str) -> None:
        assert request(key).key == key

    def test_what_is_kept_of_a_key_does_not_show_it(self) -> None:
        made = request("ada@example.org pays order 42")
        # Stored for three days: after an upgrade the same key must still be found.
        assert made.digest == "b8623d7c17b4b45eef1e3551f65d2b5188ca56696c8d8a7f53661409d81df609"
        assert re.fullmatch("[0-9a-f]{64}", made.digest)

    @many
    @given(keys, keys)
    def test_two_keys_have_one_digest_only_when_they_are_the_same(self, one: str, other: str) -> None:
        assert (request(one).digest == request(other).digest) == (one == other)

    @pytest.mark.fault("F17")
    def test_a_key_belongs_to_one_request(self) -> None:
        made = request(orderId="ord_1")
        key = IdempotencyKey(
            principal=made.principal,
            mutation=made.mutation,
            key=made.digest,
            fingerprint=made.fingerprint,
            object_id="chg_1",
            created_at=NOW,
        )
        key.check_same(request(orderId="ord_1"))
        with pytest.raises(IdempotencyConflict) as refused:
            key.check_same(request(orderId="ord_2"))
        assert refused.value.path == ("idempotencyKey",)

    def test_an_erased_key_points_at_what_it_made_whatever_is_asked(self) -> None:
        made = request(name="Ada")
        key = IdempotencyKey(
            principal=made.principal,
            mutation=made.mutation,
            key=made.digest,
            fingerprint=ERASED_FINGERPRINT,
            object_id="cus_1",
            created_at=NOW,
        )
        key.check_same(request(name="Bob"))
        assert fingerprint({}) != ERASED_FINGERPRINT

    @pytest.mark.fault("F62")
    def test_keys_live_longer_than_a_weekend(self) -> None:
        assert KEY_LIFETIME.total_seconds() >= 72 * 3600
