"""What is sold."""

from tortoise.fields import BigIntField, CharField, DatetimeField, IntField, TextField
from tortoise.models import Model

from domain.pricing import PricingModel
from domain.products import IntervalUnit
from domain.search import FINGERPRINT_LENGTH
from domain.texts import NAME_LENGTH
from persistence.fields import (
    an_id,
    belongs_to,
    check,
    currency,
    index,
    json,
    one_of,
    unique,
    word,
)


class Product(Model):
    id = an_id()
    name = CharField(max_length=NAME_LENGTH)
    description = TextField(null=True)
    images = json(db_default="[]")
    metadata = json()
    archived_at = DatetimeField(null=True)
    created_at = DatetimeField()
    updated_at = DatetimeField()

    class Meta:
        table = "products"
        indexes = (index("products", "name", "id"),)


# `search` has what a model cannot say: the full-text index over these words.


class ProductSearch(Model):
    number = BigIntField(primary_key=True)
    product = belongs_to("Product")
    title = CharField(max_length=FINGERPRINT_LENGTH)
    name = TextField()
    description = TextField()

    class Meta:
        table = "product_search"
        constraints = (unique("product_search_product", "product_id"),)


class Price(Model):
    id = an_id()
    product = belongs_to("Product")
    nickname = TextField(null=True)
    unit_amount = BigIntField()
    currency = currency()
    interval_unit = word(null=True)
    interval_count = IntField(null=True)
    # Prices from before were all for each unit.
    pricing_model = word(db_default=PricingModel.PER_UNIT.value)
    tiers = json(null=True)
    trial_days = IntField(null=True)
    archived_at = DatetimeField(null=True)
    created_at = DatetimeField()

    class Meta:
        table = "prices"
        indexes = (index("prices", "product_id", "id"),)
        constraints = (
            check("prices_unit_amount_not_negative", "unit_amount >= 0"),
            check("prices_currency_has_three_letters", "length(currency) = 3"),
            check("prices_interval_is_whole", "(interval_unit IS NULL) = (interval_count IS NULL)"),
            check("prices_interval_unit_known", one_of("interval_unit", IntervalUnit)),
            check("prices_interval_count_positive", "interval_count >= 1"),
            check("prices_pricing_model_known", one_of("pricing_model", PricingModel)),
            check("prices_trial_days_positive", "trial_days >= 1"),
        )
