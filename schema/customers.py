"""Customers."""

from datetime import datetime
from typing import TYPE_CHECKING, Annotated, cast

import strawberry

from domain import customers as domain
from domain.customers import CustomerChanges
from domain.errors import PaydeskError
from domain.principals import Permission
from domain.queries import (
    BalanceEntryFilter,
    ChargeFilter,
    ChargeSort,
    CustomerFilter,
    InvoiceFilter,
    InvoiceItemFilter,
    InvoiceSort,
    OrderFilter,
    OrderSort,
    PaymentMethodFilter,
    Sort,
    SubscriptionFilter,
)
from domain.services.customers import CreateCustomer
from domain.services.payment_methods import CreateCustomerWithPaymentMethod
from schema.balances import BalanceEntry, BalanceEntryFilterInput, CustomerBalance
from schema.charges import Charge, ChargesFilter, ChargesSort
from schema.context import Info
from schema.errors import UserError, user_error
from schema.inputs import CLIENT_ADDRESS, KEY_OPTIONAL, network_of_customer, request_of, sent_fields
from schema.invoices import (
    Invoice,
    InvoiceItem,
    InvoiceItemsFilter,
    InvoicesFilter,
    InvoicesSort,
)
from schema.listing import BY_ID, CHARGES, INVOICES, ORDERS, SortArgument, TimeSpan, listed, paged, span
from schema.orders import Order, OrdersFilter, OrdersSort
from schema.pagination import Connection, given
from schema.payment_methods import FROM_CARD_FORM, RETURN_URL, PaymentMethod, PaymentMethodFilterInput
from schema.scalars import URL, Metadata
from schema.subscriptions import Entitlement, PlanSubscription, SubscriptionsFilter
from schema.timeline import HasTimeline

if TYPE_CHECKING:
    from schema.test_clocks import TestClock

_COUNTRY = "ISO 3166-1, two capital letters, such as `DE`."


@strawberry.type(description="A postal address.")
class Address:
    line1: str = strawberry.field(description="Street and number.")
    line2: str | None = strawberry.field(description="What else leads to the door; null if nothing.")
    city: str = strawberry.field(description="City or town.")
    region: str | None = strawberry.field(description="State, province or county; null where addresses have none.")
    postal_code: str | None = strawberry.field(
        description="Postal code, as it is written there; null where there is none."
    )
    country: str = strawberry.field(description=_COUNTRY)


@strawberry.type(description="The customer as one provider account knows them.")
class ProviderAccount:
    account: str = strawberry.field(description="Which of the deployment's provider accounts.")
    created_at: datetime = strawberry.field(description="When the provider first heard of them.")

    @strawberry.field(description="The provider's id of the customer.")
    def provider_ref(root: strawberry.Parent[domain.ProviderAccount]) -> str:
        return root.customer_ref


@strawberry.type(description="Somebody who buys.")
class Customer(HasTimeline):
    id: strawberry.ID = strawberry.field(description="Global id, `cus_…`.")
    external_id: str | None = strawberry.field(
        description="The subject (`sub`) by which your identity provider knows them; unique. Null for those who do "
        "not sign in."
    )
    email: str | None = strawberry.field(description="Email address; null if it is not known.")
    name: str | None = strawberry.field(description="Name, as they write it; null if it is not known.")
    billing_address: Address | None = strawberry.field(description="Where invoices go; null if it is not known.")
    shipping_address: Address | None = strawberry.field(description="Where goods go; null if it is not known.")
    redacted_at: datetime | None = strawberry.field(
        description="When their personal data was erased; null if it was not. Nothing new can be done for them since."
    )
    created_at: datetime = strawberry.field(description="When the record was made.")
    updated_at: datetime = strawberry.field(description="When it last changed.")

    @classmethod
    def is_type_of(cls, obj: object, _info: object) -> bool:
        return isinstance(obj, domain.Customer)

    @strawberry.field(description="Your own keys and values; for servers and staff, empty for customers.")
    def metadata(root: strawberry.Parent[domain.Customer], info: Info) -> Metadata:
        return Metadata(dict(root.metadata) if info.context.viewer.sees_all else {})

    @strawberry.field(description="What is charged when a payment names no other; null when there is none.")
    async def default_payment_method(root: strawberry.Parent[domain.Customer], info: Info) -> PaymentMethod | None:
        if root.default_payment_method_id is None:
            return None
        found = await info.context.loaders.payment_methods.load(root.default_payment_method_id)
        return cast("PaymentMethod | None", found)

    @strawberry.field(description="How providers know them; for servers and staff, empty for customers.")
    async def provider_accounts(root: strawberry.Parent[domain.Customer], info: Info) -> list[ProviderAccount]:
        if not info.context.viewer.sees_all:
            return []
        return cast("list[ProviderAccount]", await info.context.loaders.accounts_of_customer.load(root.id))

    @strawberry.field(
        description="The test clock that they live by; null for those in real time, and for customers themselves."
    )
    async def test_clock(
        root: strawberry.Parent[domain.Customer], info: Info
    ) -> Annotated["TestClock", strawberry.lazy("schema.test_clocks")] | None:
        if root.test_clock_id is None:
            return None
        return cast("TestClock | None", await info.context.loaders.test_clocks.load(root.test_clock_id))

    @listed(BY_ID, description="Cards, those that failed or were removed included.")
    def payment_methods(
        root: strawberry.Parent[domain.Customer],
        info: Info,
        filter: Annotated[
            PaymentMethodFilterInput | None, strawberry.argument(description="Which ones; all by default.")
        ] = strawberry.UNSET,
        sort: SortArgument = Sort.NEWEST,
    ) -> Connection[PaymentMethod]:
        where = filter.to_domain() if filter else PaymentMethodFilter()
        return paged(lambda request: info.context.loaders.payment_methods_of_customer.load(root.id, request, where))

    @listed(ORDERS, description="What they bought, or are about to.")
    def orders(
        root: strawberry.Parent[domain.Customer],
        info: Info,
        filter: OrdersFilter = strawberry.UNSET,
        sort: OrdersSort = OrderSort.NEWEST,
    ) -> Connection[Order]:
        where = filter.to_domain() if filter else OrderFilter()
        return paged(lambda request: info.context.loaders.orders_of_customer.load(root.id, request, where))

    @listed(BY_ID, description="What they have subscribed to, those that ended included.")
    def subscriptions(
        root: strawberry.Parent[domain.Customer],
        info: Info,
        filter: SubscriptionsFilter = strawberry.UNSET,
        sort: SortArgument = Sort.NEWEST,
    ) -> Connection[PlanSubscription]:
        where = filter.to_domain() if filter else SubscriptionFilter()
        return paged(lambda request: info.context.loaders.subscriptions_of_customer.load(root.id, request, where))

    @strawberry.field(
        description="What they may use because they have subscribed to it: one for each product, with the best access "
        "that they have."
    )
    async def entitlements(root: strawberry.Parent[domain.Customer], info: Info) -> list[Entitlement]:
        return cast("list[Entitlement]", await info.context.loaders.entitlements_of_customer.load(root.id))

    @listed(INVOICES, description="What was asked of them; a customer sees no drafts.")
    def invoices(
        root: strawberry.Parent[domain.Customer],
        info: Info,
        filter: InvoicesFilter = strawberry.UNSET,
        sort: InvoicesSort = InvoiceSort.NEWEST,
    ) -> Connection[Invoice]:
        where = filter.to_domain() if filter else InvoiceFilter()
        return paged(lambda request: info.context.loaders.invoices_of_customer.load(root.id, request, where))

    @listed(BY_ID, description="Lines that wait for an invoice, or did.")
    def invoice_items(
        root: strawberry.Parent[domain.Customer],
        info: Info,
        filter: InvoiceItemsFilter = strawberry.UNSET,
        sort: SortArgument = Sort.NEWEST,
    ) -> Connection[InvoiceItem]:
        where = filter.to_domain() if filter else InvoiceItemFilter()
        return paged(lambda request: info.context.loaders.invoice_items_of_customer.load(root.id, request, where))

    @listed(CHARGES, description="What was, or was to be, taken from them.")
    def charges(
        root: strawberry.Parent[domain.Customer],
        info: Info,
        filter: ChargesFilter = strawberry.UNSET,
        sort: ChargesSort = ChargeSort.NEWEST,
    ) -> Connection[Charge]:
        where = filter.to_domain() if filter else ChargeFilter()
        return paged(lambda request: info.context.loaders.charges_of_customer.load(root.id, request, where))

    @strawberry.field(description="What they have with you, in each currency in which they ever had anything.")
    async def balances(root: strawberry.Parent[domain.Customer], info: Info) -> list[CustomerBalance]:
        return cast("list[CustomerBalance]", await info.context.loaders.balances_of_customer.load(root.id))

    @listed(BY_ID, description="How their balances came to be what they are.")
    def balance_entries(
        root: strawberry.Parent[domain.Customer],
        info: Info,
        filter: Annotated[
            BalanceEntryFilterInput | None, strawberry.argument(description="Which ones; all by default.")
        ] = strawberry.UNSET,
        sort: SortArgument = Sort.NEWEST,
    ) -> Connection[BalanceEntry]:
        where = filter.to_domain() if filter else BalanceEntryFilter()
        return paged(lambda request: info.context.loaders.balance_entries_of_customer.load(root.id, request, where))


@strawberry.input(description="Which customers to list; what is left out does not narrow.")
class CustomerFilterInput:
    email: str | None = strawberry.field(
        default=strawberry.UNSET, description="With this address, whatever the case of its letters."
    )
    external_id: str | None = strawberry.field(default=strawberry.UNSET, description="With this external id.")
    created: TimeSpan | None = strawberry.field(default=strawberry.UNSET, description="Made in this span.")

    def to_domain(self) -> CustomerFilter:
        since, before = span(given(self.created))
        return CustomerFilter(
            email=given(self.email), external_id=given(self.external_id), created_from=since, created_before=before
        )


@strawberry.type
class CustomerQuery:
    @strawberry.field(description="The customer whose token this is; null for others, and while no record is made.")
    async def me(self, info: Info) -> Customer | None:
        customer_id = info.context.principal.customer_id
        if customer_id is None:
            return None
        return cast("Customer | None", await info.context.loaders.customers.load(customer_id))

    @strawberry.field(description="A customer by their id; null when there is none, or it is not you.")
    async def customer(
        self, info: Info, id: Annotated[strawberry.ID, strawberry.argument(description="Id of the customer, `cus_…`.")]
    ) -> Customer | None:
        info.context.require(Permission.RECORDS_READ)
        return cast("Customer | None", await info.context.loaders.customers.load(id))

    @listed(BY_ID, description="Customers; a customer sees themselves alone.")
    def customers(
        self,
        info: Info,
        filter: Annotated[
            CustomerFilterInput | None, strawberry.argument(description="Which customers; all by default.")
        ] = strawberry.UNSET,
        sort: SortArgument = Sort.NEWEST,
    ) -> Connection[Customer] | None:
        info.context.require(Permission.RECORDS_READ)
        where = filter.to_domain() if filter else CustomerFilter()
        queries, viewer = info.context.services.queries, info.context.viewer
        return paged(lambda request: queries.customers.page(request, where, viewer=viewer))


# --- mutations ------------------------------------------------------------------------------------------------------


@strawberry.input(description="A postal address.")
class AddressInput:
    line1: str = strawberry.field(description="Street and number.")
    line2: str | None = strawberry.field(
        default=strawberry.UNSET, description="What else leads to the door; null if nothing."
    )
    city: str = strawberry.field(description="City or town.")
    region: str | None = strawberry.field(
        default=strawberry.UNSET, description="State, province or county; null where addresses have none."
    )
    postal_code: str | None = strawberry.field(
        default=strawberry.UNSET, description="Postal code, as it is written there; null where there is none."
    )
    country: str = strawberry.field(description=_COUNTRY)

    def to_domain(self) -> domain.Address:
        return domain.Address(
            line1=self.line1,
            line2=given(self.line2),
            city=self.city,
            region=given(self.region),
            postal_code=given(self.postal_code),
            country=self.country,
        )


@strawberry.input(description="What can be said of a customer.")
class CustomerFields:
    external_id: str | None = strawberry.field(
        default=strawberry.UNSET, description="The `sub` of their tokens; unique."
    )
    email: str | None = strawberry.field(
        default=strawberry.UNSET, description="Email address; null if it is not known."
    )
    name: str | None = strawberry.field(
        default=strawberry.UNSET, description="Name, as they write it; null if it is not known."
    )
    billing_address: AddressInput | None = strawberry.field(default=strawberry.UNSET, description="Where invoices go.")
    shipping_address: AddressInput | None = strawberry.field(default=strawberry.UNSET, description="Where goods go.")
    metadata: Metadata | None = strawberry.field(default=strawberry.UNSET, description="Your own keys and values.")

    def to_domain(self) -> CustomerChanges:
        sent = sent_fields(
            {
                "external_id": self.external_id,
                "email": self.email,
                "name": self.name,
                "billing_address": self.billing_address and self.billing_address.to_domain(),
                "shipping_address": self.shipping_address and self.shipping_address.to_domain(),
                "metadata": self.metadata,
            }
        )
        return cast("CustomerChanges", sent)


@strawberry.input(description="A new customer. Everything may be filled in later.")
class CustomerCreateInput(CustomerFields):
    test_clock_id: strawberry.ID | None = strawberry.field(
        default=strawberry.UNSET,
        description="The test clock by which they are to live, `clk_…`, from now on; real time by default. Not in "
        "production.",
    )
    idempotency_key: str | None = strawberry.field(default=strawberry.UNSET, description=KEY_OPTIONAL)


@strawberry.input(description="A new customer together with their card.")
class CustomerCreateWithPaymentMethodInput(CustomerCreateInput):
    token: str = strawberry.field(description=FROM_CARD_FORM)
    return_url: URL | None = strawberry.field(default=strawberry.UNSET, description=RETURN_URL)
    client_address: str | None = strawberry.field(default=strawberry.UNSET, description=CLIENT_ADDRESS)


@strawberry.input(description="A change of a customer. What is left out stays; null removes.")
class CustomerUpdateInput(CustomerFields):
    customer_id: strawberry.ID = strawberry.field(description="Id of the customer, `cus_…`.")


@strawberry.input(description="A customer who is to be forgotten. It cannot be undone.")
class CustomerRedactInput:
    customer_id: strawberry.ID = strawberry.field(description="Id of the customer, `cus_…`.")


@strawberry.type(description="The customer, or why it was refused.")
class CustomerPayload:
    customer: Customer | None = strawberry.field(default=None, description="The customer as they now are.")
    user_errors: list[UserError] = strawberry.field(default_factory=list, description="Empty when it was done.")


@strawberry.type(description="The customer with their card, or why it was refused. A refused card is FAILED.")
class CustomerCreateWithPaymentMethodPayload:
    customer: Customer | None = strawberry.field(default=None, description="The customer, also when the card failed.")
    payment_method: PaymentMethod | None = strawberry.field(default=None, description="The card as it now is.")
    user_errors: list[UserError] = strawberry.field(default_factory=list, description="Empty when it was done.")


@strawberry.type
class CustomerMutation:
    @strawberry.mutation(description="Add a customer. For servers and staff.")
    async def customer_create(self, info: Info, input: CustomerCreateInput) -> CustomerPayload | None:
        principal = info.context.principal
        try:
            customer_id = await info.context.services.customers.create(
                principal,
                CreateCustomer(
                    fields=input.to_domain(),
                    test_clock_id=given(input.test_clock_id),
                    request=request_of(principal, "customerCreate", input.idempotency_key, input),
                ),
            )
        except PaydeskError as error:
            return CustomerPayload(user_errors=[user_error(error)])
        return await _payload(info, customer_id)

    @strawberry.mutation(description="Change a customer. For servers and staff.")
    async def customer_update(self, info: Info, input: CustomerUpdateInput) -> CustomerPayload | None:
        try:
            customer_id = await info.context.services.customers.update(
                info.context.principal, input.customer_id, input.to_domain()
            )
        except PaydeskError as error:
            return CustomerPayload(user_errors=[user_error(error)])
        return await _payload(info, customer_id)

    @strawberry.mutation(
        description="Erase a customer's personal data, here and at the payment provider, for ever; their orders and "
        "payments stay. Refused while anything of theirs is open. For admins, and servers with the scope "
        "`CUSTOMERS_REDACT`."
    )
    async def customer_redact(self, info: Info, input: CustomerRedactInput) -> CustomerPayload | None:
        try:
            customer_id = await info.context.services.redactions.redact(info.context.principal, input.customer_id)
        except PaydeskError as error:
            return CustomerPayload(user_errors=[user_error(error)])
        return await _payload(info, customer_id)

    @strawberry.mutation(description="Add a customer and store their card, in one step. For servers and staff.")
    async def customer_create_with_payment_method(
        self, info: Info, input: CustomerCreateWithPaymentMethodInput
    ) -> CustomerCreateWithPaymentMethodPayload | None:
        principal = info.context.principal
        try:
            attached = await info.context.services.payment_methods.create_customer_with(
                principal,
                CreateCustomerWithPaymentMethod(
                    fields=input.to_domain(),
                    test_clock_id=given(input.test_clock_id),
                    token=input.token,
                    return_url=given(input.return_url),
                    network=network_of_customer(info.context, input.client_address),
                    request=request_of(principal, "customerCreateWithPaymentMethod", input.idempotency_key, input),
                ),
            )
        except PaydeskError as error:
            return CustomerCreateWithPaymentMethodPayload(user_errors=[user_error(error)])
        info.context.changed()
        loaders = info.context.loaders
        return CustomerCreateWithPaymentMethodPayload(
            customer=cast("Customer | None", await loaders.customers.load(attached.customer_id)),
            payment_method=cast("PaymentMethod | None", await loaders.payment_methods.load(attached.payment_method_id)),
        )


async def _payload(info: Info, customer_id: str) -> CustomerPayload:
    info.context.changed()
    return CustomerPayload(customer=cast("Customer | None", await info.context.loaders.customers.load(customer_id)))
