"""Products and their prices."""

from dataclasses import replace
from datetime import datetime
from typing import Annotated, cast

import strawberry

from domain import products as domain
from domain.errors import PaydeskError
from domain.money import Money as DomainMoney
from domain.pricing import PricingModel, Tier
from domain.principals import Permission
from domain.products import IntervalUnit, PriceType, ProductChanges
from domain.queries import PriceFilter, ProductFilter, ProductSort, Sort
from domain.services.products import CreatePrice, CreateProduct
from schema.context import Info
from schema.described import described_enum
from schema.errors import UserError, user_error
from schema.inputs import KEY_OPTIONAL, request_of, sent_fields
from schema.listing import BY_ID, PRODUCTS, SortArgument, listed, paged, searched
from schema.money import Money, MoneyInput
from schema.pagination import Connection, given
from schema.scalars import URL, Currency, Metadata
from schema.timeline import HasTimeline

described_enum(
    PriceType,
    description="How often a price is due.",
    values={
        PriceType.ONE_TIME: "It is due once, when it is ordered.",
        PriceType.RECURRING: "It is due again after every interval.",
    },
)
described_enum(
    IntervalUnit,
    description="The unit of a recurring price's interval.",
    values={
        IntervalUnit.DAY: "Days.",
        IntervalUnit.WEEK: "Weeks.",
        IntervalUnit.MONTH: "Calendar months.",
        IntervalUnit.YEAR: "Calendar years.",
    },
)

described_enum(
    PricingModel,
    description="How a quantity becomes an amount.",
    values={
        PricingModel.PER_UNIT: "So much for each unit.",
        PricingModel.FLAT: "So much altogether, however many there are.",
        PricingModel.VOLUME: "The tier that the quantity lies in prices all of it, so a little more may cost less.",
        PricingModel.GRADUATED: "Each tier prices the units that lie in it.",
    },
)

_SEARCH = (
    "Words of the name or the description in any order, up to 200 characters. The last one may be unfinished, and any "
    "may have a typo; case, accents and plurals do not count. What has all words in its name comes first, then what "
    "has them anywhere, then what is only alike. An empty text is no search."
)
_PRICE = "What a product costs. Amount, currency and interval never change: archive it and make another."


@strawberry.type(description="How often a recurring price is due.")
class PriceInterval:
    unit: IntervalUnit = strawberry.field(description="Days, weeks, months or years.")
    count: int = strawberry.field(description="How many of them: 3 months is once a quarter.")


@strawberry.type(description="A step of a price whose units cost less, or more, the more there are.")
class PriceTier:
    up_to: int | None = strawberry.field(
        description="The last unit in it; the next tier begins with the one after. Null in the last tier, without end."
    )
    unit_amount: Money = strawberry.field(description="For each unit.")
    flat_amount: Money = strawberry.field(
        description="Once, as soon as a unit lies in it; of VOLUME, only in the tier that prices all."
    )

    @classmethod
    def is_type_of(cls, obj: object, _info: object) -> bool:
        return isinstance(obj, Tier)


@strawberry.type(description=_PRICE)
class Price(HasTimeline):
    id: strawberry.ID = strawberry.field(description="Global id, `price_…`.")
    type: PriceType = strawberry.field(description="Whether it is due once or again and again.")
    interval: PriceInterval | None = strawberry.field(description="How often it is due; null for a one-time price.")
    pricing_model: PricingModel = strawberry.field(description="How a quantity of it becomes an amount.")
    tiers: list[PriceTier] = strawberry.field(description="Of a VOLUME or GRADUATED price; else empty.")
    trial_days: int | None = strawberry.field(
        description="For how many days who subscribes has it for nothing at first; null if for none."
    )
    archived_at: datetime | None = strawberry.field(description="Since when it is no longer offered; null while it is.")
    created_at: datetime = strawberry.field(description="When it was made.")

    @classmethod
    def is_type_of(cls, obj: object, _info: object) -> bool:
        return isinstance(obj, domain.Price)

    @strawberry.field(
        description="Name of the price for staff; null without one. For servers and staff, null for customers."
    )
    def nickname(root: strawberry.Parent[domain.Price], info: Info) -> str | None:
        return root.nickname if info.context.viewer.sees_all else None

    @strawberry.field(
        description="What one unit costs; of a FLAT price, what it costs altogether, and of one with tiers, what a "
        "quantity of one does."
    )
    def amount(root: strawberry.Parent[domain.Price]) -> Money:
        return cast("Money", root.unit_amount)

    @strawberry.field(description="What is sold at this price; null if you may not see it.")
    async def product(root: strawberry.Parent[domain.Price], info: Info) -> "Product | None":
        return cast("Product | None", await info.context.loaders.products.load(root.product_id))


@strawberry.input(description="Which prices to list; what is left out does not narrow.")
class PriceFilterInput:
    type: PriceType | None = strawberry.field(default=strawberry.UNSET, description="One-time or recurring.")
    currency: Currency | None = strawberry.field(default=strawberry.UNSET, description="In this currency.")
    archived: bool | None = strawberry.field(default=strawberry.UNSET, description="Archived ones, or the others.")

    def to_domain(self) -> PriceFilter:
        return PriceFilter(type=given(self.type), currency=given(self.currency), archived=given(self.archived))


@strawberry.type(description="A picture of a product. It lies where you put it: the gateway keeps its address alone.")
class ProductImage:
    url: URL = strawberry.field(description="An https address.")
    alternative_text: str | None = strawberry.field(
        description="What it shows, for those who do not see it; null if nobody said so."
    )

    @classmethod
    def is_type_of(cls, obj: object, _info: object) -> bool:
        return isinstance(obj, domain.ProductImage)


@strawberry.type(description="Something that is sold.")
class Product(HasTimeline):
    id: strawberry.ID = strawberry.field(description="Global id, `prod_…`.")
    name: str = strawberry.field(description="Copied onto the lines of orders.")
    description: str | None = strawberry.field(description="What customers may read about it; null if nothing.")
    images: list[ProductImage] = strawberry.field(description="The first one first; eight at most.")
    metadata: Metadata = strawberry.field(
        description="Your own keys and values, readable by everybody who may read the catalogue."
    )
    archived_at: datetime | None = strawberry.field(description="Since when it is no longer sold; null while it is.")
    created_at: datetime = strawberry.field(description="When it was made.")
    updated_at: datetime = strawberry.field(description="When it last changed.")

    @classmethod
    def is_type_of(cls, obj: object, _info: object) -> bool:
        return isinstance(obj, domain.Product)

    @listed(BY_ID, description="What it costs, in all its currencies and intervals.")
    def prices(
        root: strawberry.Parent[domain.Product],
        info: Info,
        filter: Annotated[
            PriceFilterInput | None, strawberry.argument(description="Which prices; all by default.")
        ] = strawberry.UNSET,
        sort: SortArgument = Sort.NEWEST,
    ) -> Connection[Price]:
        where = filter.to_domain() if filter else PriceFilter()
        return paged(lambda request: info.context.loaders.prices_of_product.load(root.id, request, where))


@strawberry.input(description="Which products to list; what is left out does not narrow.")
class ProductFilterInput:
    type: PriceType | None = strawberry.field(
        default=strawberry.UNSET, description="With a price of this type that is not archived."
    )
    currency: Currency | None = strawberry.field(
        default=strawberry.UNSET,
        description="With a price in this currency that is not archived; with `type`, it is one price that is both.",
    )
    available: bool | None = strawberry.field(
        default=strawberry.UNSET,
        description="Those that are sold now, or the others. Sold is what is not archived and has a price that is not.",
    )
    archived: bool | None = strawberry.field(default=strawberry.UNSET, description="Archived ones, or the others.")

    def to_domain(self) -> ProductFilter:
        type, currency = given(self.type), given(self.currency)
        return ProductFilter(
            price=PriceFilter(type=type, currency=currency, archived=False) if type or currency else None,
            available=given(self.available),
            archived=given(self.archived),
        )


@strawberry.type
class ProductQuery:
    @strawberry.field(description="A product by its id; null when there is none.")
    async def product(
        self, info: Info, id: Annotated[strawberry.ID, strawberry.argument(description="Id of the product, `prod_…`.")]
    ) -> Product | None:
        info.context.require(Permission.CATALOGUE_READ)
        return cast("Product | None", await info.context.loaders.products.load(id))

    @listed(PRODUCTS, description="The catalogue: what is sold, and what was.")
    def products(
        self,
        info: Info,
        search: Annotated[str | None, strawberry.argument(description=_SEARCH)] = strawberry.UNSET,
        filter: Annotated[
            ProductFilterInput | None, strawberry.argument(description="Which products; all by default.")
        ] = strawberry.UNSET,
        sort: Annotated[ProductSort, strawberry.argument(description="How the list is sorted.")] = (
            ProductSort.RELEVANCE
        ),
    ) -> Connection[Product] | None:
        info.context.require(Permission.CATALOGUE_READ)
        where = replace(filter.to_domain() if filter else ProductFilter(), search=searched(search))
        queries, viewer = info.context.services.queries, info.context.viewer
        return paged(lambda request: queries.products.page(request, where, viewer=viewer))

    @strawberry.field(description="A price by its id; null when there is none.")
    async def price(
        self, info: Info, id: Annotated[strawberry.ID, strawberry.argument(description="Id of the price, `price_…`.")]
    ) -> Price | None:
        info.context.require(Permission.CATALOGUE_READ)
        return cast("Price | None", await info.context.loaders.prices.load(id))


# --- mutations ------------------------------------------------------------------------------------------------------


@strawberry.input(description="A picture of a product.")
class ProductImageInput:
    url: URL = strawberry.field(description="An https address. It is neither fetched nor checked.")
    alternative_text: str | None = strawberry.field(
        default=strawberry.UNSET,
        description="What it shows, for those who do not see it, up to 200 characters.",
    )


@strawberry.input(description="A new product.")
class ProductCreateInput:
    name: str = strawberry.field(description="What customers see, up to 200 characters.")
    description: str | None = strawberry.field(default=strawberry.UNSET, description="Up to 5,000 characters.")
    images: list[ProductImageInput] | None = strawberry.field(
        default=strawberry.UNSET, description="Eight at most; the first one first."
    )
    metadata: Metadata | None = strawberry.field(default=strawberry.UNSET, description="Your own keys and values.")
    idempotency_key: str | None = strawberry.field(default=strawberry.UNSET, description=KEY_OPTIONAL)


@strawberry.input(description="A change of a product. What is left out stays as it is.")
class ProductUpdateInput:
    product_id: strawberry.ID = strawberry.field(description="Id of the product, `prod_…`.")
    name: str | None = strawberry.field(default=strawberry.UNSET, description="What customers see.")
    description: str | None = strawberry.field(default=strawberry.UNSET, description="Null removes it.")
    images: list[ProductImageInput] | None = strawberry.field(
        default=strawberry.UNSET, description="Replaces all images; null removes them."
    )
    metadata: Metadata | None = strawberry.field(
        default=strawberry.UNSET, description="Replaces all keys and values; null removes them."
    )


@strawberry.input(description="A product that is sold no longer.")
class ProductArchiveInput:
    product_id: strawberry.ID = strawberry.field(description="Id of the product, `prod_…`.")


@strawberry.type(description="The product, or why it was refused.")
class ProductPayload:
    product: Product | None = strawberry.field(default=None, description="The product as it now is.")
    user_errors: list[UserError] = strawberry.field(default_factory=list, description="Empty when it was done.")


@strawberry.input(description="How often a recurring price is due.")
class PriceIntervalInput:
    unit: IntervalUnit = strawberry.field(description="Days, weeks, months or years.")
    count: int = strawberry.field(default=1, description="How many of them; three years at most in all.")


@strawberry.input(description="A step of a price whose units cost less, or more, the more there are.")
class PriceTierInput:
    up_to: int | None = strawberry.field(
        default=strawberry.UNSET, description="The last unit in it. Left out in the last tier, which has no end."
    )
    unit_amount: MoneyInput = strawberry.field(description="For each unit.")
    flat_amount: MoneyInput | None = strawberry.field(
        default=strawberry.UNSET, description="Once, as soon as a unit lies in it; nothing if left out."
    )

    def to_domain(self, *path: str) -> Tier:
        unit_amount = self.unit_amount.to_domain(*path, "unitAmount")
        flat_amount = given(self.flat_amount)
        return Tier(
            up_to=given(self.up_to),
            unit_amount=unit_amount,
            flat_amount=(
                flat_amount.to_domain(*path, "flatAmount") if flat_amount else DomainMoney.zero(unit_amount.currency)
            ),
        )


@strawberry.input(description="A new price of a product.")
class PriceCreateInput:
    product_id: strawberry.ID = strawberry.field(description="What is sold.")
    amount: MoneyInput | None = strawberry.field(
        default=strawberry.UNSET,
        description="For one unit, or altogether where it is FLAT; zero for what is free. Left out with `tiers`.",
    )
    pricing_model: PricingModel = strawberry.field(
        default=PricingModel.PER_UNIT, description="How a quantity becomes an amount; of a one-time price, PER_UNIT."
    )
    tiers: list[PriceTierInput] | None = strawberry.field(
        default=strawberry.UNSET,
        description="Of a VOLUME or GRADUATED price: at most 50, in order, and the last alone without an end.",
    )
    trial_days: int | None = strawberry.field(
        default=strawberry.UNSET,
        description="For how many days, 730 at most, who subscribes has it for nothing at first; once a customer and "
        "product. Only of a recurring price.",
    )
    interval: PriceIntervalInput | None = strawberry.field(
        default=strawberry.UNSET, description="Makes the price recurring; left out, it is due once."
    )
    nickname: str | None = strawberry.field(
        default=strawberry.UNSET, description="Name of the price for staff; customers do not see it."
    )
    idempotency_key: str | None = strawberry.field(default=strawberry.UNSET, description=KEY_OPTIONAL)


@strawberry.input(description="A price that is offered no longer.")
class PriceArchiveInput:
    price_id: strawberry.ID = strawberry.field(description="Id of the price, `price_…`.")


@strawberry.type(description="The price, or why it was refused.")
class PricePayload:
    price: Price | None = strawberry.field(default=None, description="The price as it now is.")
    user_errors: list[UserError] = strawberry.field(default_factory=list, description="Empty when it was done.")


@strawberry.type
class ProductMutation:
    @strawberry.mutation(description="Add a product to the catalogue.")
    async def product_create(self, info: Info, input: ProductCreateInput) -> ProductPayload | None:
        try:
            product_id = await info.context.services.products.create(
                info.context.principal,
                CreateProduct(
                    fields=_changes(input),
                    request=request_of(info.context.principal, "productCreate", input.idempotency_key, input),
                ),
            )
        except PaydeskError as error:
            return ProductPayload(user_errors=[user_error(error)])
        return await _product_payload(info, product_id)

    @strawberry.mutation(description="Change a product. Orders that have it keep the name that it had.")
    async def product_update(self, info: Info, input: ProductUpdateInput) -> ProductPayload | None:
        try:
            product_id = await info.context.services.products.update(
                info.context.principal, input.product_id, _changes(input)
            )
        except PaydeskError as error:
            return ProductPayload(user_errors=[user_error(error)])
        return await _product_payload(info, product_id)

    @strawberry.mutation(description="Stop selling a product and all its prices. Products are never deleted.")
    async def product_archive(self, info: Info, input: ProductArchiveInput) -> ProductPayload | None:
        try:
            product_id = await info.context.services.products.archive(info.context.principal, input.product_id)
        except PaydeskError as error:
            return ProductPayload(user_errors=[user_error(error)])
        return await _product_payload(info, product_id)

    @strawberry.mutation(description="Add a price to a product.")
    async def price_create(self, info: Info, input: PriceCreateInput) -> PricePayload | None:
        interval, amount = given(input.interval), given(input.amount)
        try:
            price_id = await info.context.services.products.create_price(
                info.context.principal,
                CreatePrice(
                    product_id=input.product_id,
                    amount=amount.to_domain("amount") if amount else None,
                    pricing_model=input.pricing_model,
                    tiers=[tier.to_domain("tiers", str(place)) for place, tier in enumerate(given(input.tiers) or ())],
                    trial_days=given(input.trial_days),
                    interval=domain.Interval(interval.unit, interval.count) if interval else None,
                    nickname=given(input.nickname),
                    request=request_of(info.context.principal, "priceCreate", input.idempotency_key, input),
                ),
            )
        except PaydeskError as error:
            return PricePayload(user_errors=[user_error(error)])
        return await _price_payload(info, price_id)

    @strawberry.mutation(description="Stop offering a price. Prices are never deleted.")
    async def price_archive(self, info: Info, input: PriceArchiveInput) -> PricePayload | None:
        try:
            price_id = await info.context.services.products.archive_price(info.context.principal, input.price_id)
        except PaydeskError as error:
            return PricePayload(user_errors=[user_error(error)])
        return await _price_payload(info, price_id)


def _changes(input: ProductCreateInput | ProductUpdateInput) -> ProductChanges:
    sent = sent_fields({name: getattr(input, name) for name in ("name", "description", "images", "metadata")})
    if sent.get("images"):
        images = (domain.ProductImage(image.url, given(image.alternative_text)) for image in sent["images"])
        sent["images"] = tuple(images)
    return cast("ProductChanges", sent)


async def _product_payload(info: Info, product_id: str) -> ProductPayload:
    info.context.changed()
    return ProductPayload(product=cast("Product | None", await info.context.loaders.products.load(product_id)))


async def _price_payload(info: Info, price_id: str) -> PricePayload:
    info.context.changed()
    return PricePayload(price=cast("Price | None", await info.context.loaders.prices.load(price_id)))
