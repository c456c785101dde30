"""The audit of "GraphQL over HTTP" by those who wrote the reference implementation, against a gateway that runs."""

import json
import tomllib

import pytest

from tests.conformance.running import HERE, Gateway, run_node

MUSTS = 13

Audits = dict[str, dict[str, str | None]]


@pytest.fixture(scope="module")
def audits(gateway: Gateway) -> Audits:
    """What each audit found, by its id."""
    return {audit["id"]: audit for audit in json.loads(run_node("audit.mjs", gateway=gateway))}


def test_everything_that_a_server_must_do_is_done(audits: Audits) -> None:
    musts = [audit for audit in audits.values() if str(audit["name"]).startswith("MUST")]

    assert len(musts) == MUSTS
    assert [audit for audit in musts if audit["status"] != "ok"] == []


def test_whatever_else_fails_is_listed_with_a_reason_and_nothing_more_is(audits: Audits) -> None:
    failed = {id_ for id_, audit in audits.items() if audit["status"] != "ok"}

    assert failed == listed_deviations()


def listed_deviations() -> set[str]:
    listed = tomllib.loads((HERE / "audit_deviations.toml").read_text(encoding="utf-8"))["deviation"]
    ids = [id_ for deviation in listed for id_ in deviation["audits"]]
    assert all(deviation["reason"] for deviation in listed)
    assert len(ids) == len(set(ids))
    return set(ids)
