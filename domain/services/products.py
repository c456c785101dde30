"""The catalogue: products and prices, made, changed, archived; never deleted."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from domain.clock import Clock
from domain.deployment import Deployment
from domain.errors import AmountNotRepresentable, InvalidInput, NotFound, ProductArchived
from domain.events import Event, EventKind, new_event
from domain.idempotency import KeyedRequest
from domain.ids import IdPrefix, new_id
from domain.money import Money
from domain.periods import LONGEST_TRIAL_DAYS
from domain.pricing import TIERED, Pricing, PricingModel, Tier
from domain.principals import Permission, Principal
from domain.products import (
    MAXIMUM_INTERVAL_COUNT,
    MOST_IMAGES,
    Interval,
    Price,
    Product,
    ProductChanges,
    ProductImage,
)
from domain.services.keyed import claim
from domain.store import Store
from domain.texts import TEXT_LENGTH, clean_metadata, clean_optional, clean_text, clean_web_address


@dataclass(frozen=True, slots=True, kw_only=True)
class CreateProduct:
    fields: ProductChanges
    request: KeyedRequest | None


@dataclass(frozen=True, slots=True, kw_only=True)
class CreatePrice:
    product_id: str
    amount: Money | None
    """For one unit, or altogether where it is FLAT; None where `tiers` say it."""
    interval: Interval | None
    pricing_model: PricingModel = PricingModel.PER_UNIT
    tiers: Sequence[Tier] = ()
    trial_days: int | None = None
    nickname: str | None
    request: KeyedRequest | None


class ProductService:
    def __init__(self, *, store: Store, clock: Clock, deployment: Deployment) -> None:
        self._store = store
        self._clock = clock
        self._deployment = deployment

    async def create(self, principal: Principal, command: CreateProduct) -> str:
        principal.require(Permission.CATALOGUE_WRITE)
        now = self._clock.now()
        blank = Product(id=new_id(IdPrefix.PRODUCT), name="", created_at=now, updated_at=now)
        product = blank.changed(_cleaned(command.fields), now=now)
        async with self._store.transaction() as tx:
            if made := await claim(tx, command.request, product.id, now=now):
                return made
            await tx.products.insert(product)
            await tx.events.add(self._event(EventKind.PRODUCT_CREATED, principal, now, product.id))
        return product.id

    async def update(self, principal: Principal, product_id: str, changes: ProductChanges) -> str:
        principal.require(Permission.CATALOGUE_WRITE)
        changes = _cleaned(changes)
        async with self._store.transaction() as tx:
            product = await tx.products.get_for_update(product_id)
            if product is None:
                raise NotFound("product", path=("productId",))
            now = self._clock.now()
            await tx.products.save(product.changed(changes, now=now))
            await tx.events.add(self._event(EventKind.PRODUCT_UPDATED, principal, now, product.id))
        return product_id

    async def archive(self, principal: Principal, product_id: str) -> str:
        """Its prices can no longer be ordered either; orders that have it keep their copy."""
        principal.require(Permission.CATALOGUE_WRITE)
        async with self._store.transaction() as tx:
            product = await tx.products.get_for_update(product_id)
            if product is None:
                raise NotFound("product", path=("productId",))
            if not product.archived_at:
                now = self._clock.now()
                await tx.products.save(product.archived(now=now))
                await tx.events.add(self._event(EventKind.PRODUCT_ARCHIVED, principal, now, product.id))
        return product_id

    async def create_price(self, principal: Principal, command: CreatePrice) -> str:
        principal.require(Permission.CATALOGUE_WRITE)
        _check_interval(command.interval)
        _check_recurring(command)
        now = self._clock.now()
        price = Price(
            id=new_id(IdPrefix.PRICE),
            product_id=command.product_id,
            nickname=clean_optional(command.nickname, "nickname"),
            unit_amount=_unit_amount(command),
            interval=command.interval,
            pricing_model=command.pricing_model,
            tiers=tuple(command.tiers),
            trial_days=command.trial_days,
            created_at=now,
        )
        async with self._store.transaction() as tx:
            if made := await claim(tx, command.request, price.id, now=now):
                return made
            product = await tx.products.get(command.product_id)
            if product is None:
                raise NotFound("product", path=("productId",))
            if product.archived_at:
                raise ProductArchived(path=("productId",))
            await tx.prices.insert(price)
            await tx.events.add(self._event(EventKind.PRICE_CREATED, principal, now, price.id, product.id))
        return price.id

    async def archive_price(self, principal: Principal, price_id: str) -> str:
        principal.require(Permission.CATALOGUE_WRITE)
        async with self._store.transaction() as tx:
            price = await tx.prices.get_for_update(price_id)
            if price is None:
                raise NotFound("price", path=("priceId",))
            if not price.archived_at:
                now = self._clock.now()
                await tx.prices.save(price.archived(now=now))
                await tx.events.add(self._event(EventKind.PRICE_ARCHIVED, principal, now, price.id, price.product_id))
        return price_id

    def _event(self, kind: EventKind, principal: Principal, now: datetime, *subject_ids: str) -> Event:
        return new_event(kind, *subject_ids, actor=principal.actor, livemode=self._deployment.livemode, now=now)


def _cleaned(changes: ProductChanges) -> ProductChanges:
    cleaned = ProductChanges()
    if "name" in changes:
        # A name can be changed, but not taken away: null reads as empty.
        cleaned["name"] = clean_text(changes["name"] or "", "name")
    if "description" in changes:
        cleaned["description"] = clean_optional(changes["description"], "description", longest=TEXT_LENGTH)
    if "images" in changes:
        cleaned["images"] = _cleaned_images(changes["images"] or ())
    if "metadata" in changes:
        cleaned["metadata"] = clean_metadata(changes["metadata"], "metadata")
    return cleaned


def _cleaned_images(images: Sequence[ProductImage]) -> tuple[ProductImage, ...]:
    if len(images) > MOST_IMAGES:
        raise InvalidInput(f"A product can have {MOST_IMAGES} images at most.", path=("images",))
    return tuple(
        ProductImage(
            clean_web_address(image.url, "images", str(place), "url"),
            clean_optional(image.alternative_text, "images", str(place), "alternativeText"),
        )
        for place, image in enumerate(images)
    )


def _check_interval(interval: Interval | None) -> None:
    if interval is None:
        return
    longest = MAXIMUM_INTERVAL_COUNT[interval.unit]
    if not 1 <= interval.count <= longest:
        raise InvalidInput(f"From 1 to {longest} for {interval.unit}.", path=("interval", "count"))


def _check_recurring(command: CreatePrice) -> None:
    if command.trial_days is not None and not 1 <= command.trial_days <= LONGEST_TRIAL_DAYS:
        raise InvalidInput(f"A trial takes from 1 to {LONGEST_TRIAL_DAYS} days.", path=("trialDays",))
    if command.interval is not None:
        return
    if command.trial_days is not None:
        raise InvalidInput("Only a recurring price can be tried first.", path=("trialDays",))
    if command.pricing_model is not PricingModel.PER_UNIT:
        # A line of an order is so many at so much.
        raise InvalidInput("A one-time price is for each unit.", path=("pricingModel",))


def _unit_amount(command: CreatePrice) -> Money:
    """What one unit costs, however it is said."""
    if command.pricing_model in TIERED:
        if command.amount is not None:
            raise InvalidInput("The tiers say what it costs.", path=("amount",))
        pricing = Pricing.tiered(command.pricing_model, command.tiers)
        try:
            return pricing.amount(1)
        except AmountNotRepresentable:
            raise InvalidInput("One unit costs more than an amount can be.", path=("tiers", "0")) from None
    if command.tiers:
        raise InvalidInput("Only a VOLUME or GRADUATED price has tiers.", path=("tiers",))
    if command.amount is None:
        raise InvalidInput("Say what it costs.", path=("amount",))
    if command.amount.minor_units < 0:
        raise InvalidInput("A price cannot be below zero.", path=("amount", "minorUnits"))
    return command.amount
