"""Who buys, and with what."""

from tortoise.fields import BooleanField, CharField, DatetimeField, IntField, TextField
from tortoise.models import Model

from domain.payment_methods import PaymentMethodState, Storing
from domain.texts import EXTERNAL_ID_LENGTH, NAME_LENGTH
from persistence.fields import (
    a_number_of_its_own,
    account,
    an_id,
    belongs_to,
    check,
    index,
    json,
    one_of,
    ref,
    unique,
    word,
)


class Customer(Model):
    id = an_id()
    external_id = CharField(max_length=EXTERNAL_ID_LENGTH, null=True)
    email = CharField(max_length=255, null=True)
    name = CharField(max_length=NAME_LENGTH, null=True)
    billing_address = json(null=True)
    shipping_address = json(null=True)
    metadata = json()
    default_payment_method = belongs_to("PaymentMethod", null=True)
    test_clock = belongs_to("TestClock", null=True)
    redacted_at = DatetimeField(null=True)
    livemode = BooleanField()
    created_at = DatetimeField()
    updated_at = DatetimeField()

    class Meta:
        table = "customers"
        indexes = (
            index("customers", "created_at", "id"),
            index("customers", "test_clock_id", "id"),
        )
        constraints = (unique("customers_external_id", "external_id"),)


class ProviderAccount(Model):
    id = a_number_of_its_own()
    customer = belongs_to("Customer")
    account = account()
    customer_ref = ref()
    created_at = DatetimeField()

    class Meta:
        table = "provider_accounts"
        constraints = (
            unique("provider_accounts_customer", "customer_id", "account"),
            unique("provider_accounts_ref", "account", "customer_ref"),
        )


class PaymentMethod(Model):
    id = an_id()
    customer = belongs_to("Customer")
    account = account()
    state = word()
    token = TextField(null=True)
    payment_method_ref = ref(null=True)
    card_brand = word(null=True)
    card_last4 = CharField(max_length=4, null=True)
    card_expiry_month = IntField(null=True)
    card_expiry_year = IntField(null=True)
    card_fingerprint = CharField(max_length=255, null=True)
    next_action = json(null=True)
    decline_code = word(null=True)
    failure_message = TextField(null=True)
    return_url = TextField(null=True)
    make_default = BooleanField()
    storing = word(db_default=Storing.BY_ITSELF.value)
    livemode = BooleanField()
    created_at = DatetimeField()
    updated_at = DatetimeField()

    class Meta:
        table = "payment_methods"
        indexes = (index("payment_methods", "customer_id", "id"),)
        constraints = (
            # A card that was detached, or refused, may be attached again under the same reference.
            unique(
                "payment_methods_ref",
                "account",
                "payment_method_ref",
                where="payment_method_ref IS NOT NULL AND state NOT IN ('DETACHED', 'FAILED')",
            ),
            check("payment_methods_state_known", one_of("state", PaymentMethodState)),
            check("payment_methods_storing_known", one_of("storing", Storing)),
            check(
                "payment_methods_card_is_whole",
                "(card_brand IS NULL) = (card_last4 IS NULL) AND (card_brand IS NULL) = (card_expiry_month IS NULL)"
                " AND (card_brand IS NULL) = (card_expiry_year IS NULL)",
            ),
        )
