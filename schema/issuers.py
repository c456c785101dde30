"""Who issues invoices: what is printed on them, how they are numbered, and what is done when they are not paid."""

from datetime import datetime, timedelta
from typing import Annotated, cast

import strawberry

from domain import issuers as domain
from domain.dunning import AfterDunning
from domain.dunning import DunningPolicy as DomainPolicy
from domain.errors import PaydeskError
from domain.issuers import DEFAULT_ISSUER_ID, IssuerChanges, TrialEnd
from domain.principals import Permission
from schema.context import Info
from schema.customers import Address, AddressInput
from schema.described import described_enum
from schema.errors import UserError, user_error
from schema.inputs import sent_fields
from schema.timeline import HasTimeline

described_enum(
    AfterDunning,
    description="What becomes of a subscription whose renewal was not paid in the end.",
    values={
        AfterDunning.UNPAID: "It stays, without access; paying what is owed brings everything back.",
        AfterDunning.CANCELED: "It is over, and what was not paid is given up.",
    },
)
described_enum(
    TrialEnd,
    description="What becomes of a subscription whose trial ends while no card of its customer is known.",
    values={
        TrialEnd.CANCEL: "It is cancelled: nobody has agreed to pay.",
        TrialEnd.PAST_DUE: "Its first invoice is issued, and waits for a card as one that was declined does.",
    },
)

_HOUR = timedelta(hours=1)
_NAME = "What it is called."
_TAX_ID = "By which its tax office knows it, as it is printed."
_FOOTER = "What stands below every invoice."
_INVOICE_PREFIX = "What stands before the numbers of invoices: up to 20 of A-Z, 0-9, / _ and -, ending in no digit."
_CREDIT_NOTE_PREFIX = "What stands before the numbers of credit notes; another than those of invoices."
_TIME_ZONE = "The zone of IANA in which periods of its subscriptions begin, unless one says otherwise: `Europe/Berlin`."
_TRIAL_END = "What becomes of a subscription whose trial ends without a card."
_RETRIES = (
    "How many hours after the first try that was declined the card is charged again; 8 times at most, each an hour at "
    "least after the one before."
)
_ENDS = "How many hours after the first try it ends; after the last retry, and after 60 days at most."


@strawberry.type(description="When what was declined is tried again, and what happens in the end.")
class DunningPolicy:
    then: AfterDunning = strawberry.field(description="What becomes of the subscription.")

    @classmethod
    def is_type_of(cls, obj: object, _info: object) -> bool:
        return isinstance(obj, DomainPolicy)

    @strawberry.field(description=_RETRIES)
    def retries_after_hours(root: strawberry.Parent[DomainPolicy]) -> list[int]:
        return [after // _HOUR for after in root.retries_after]

    @strawberry.field(description=_ENDS)
    def ends_after_hours(root: strawberry.Parent[DomainPolicy]) -> int:
        return root.ends_after // _HOUR


@strawberry.type(
    description="Who issues invoices. What is changed holds for what is issued from then on. Customers read who issued "
    "theirs in `Invoice.issuedBy`."
)
class Issuer(HasTimeline):
    id: strawberry.ID = strawberry.field(description="Global id, `iss_…`.")
    name: str | None = strawberry.field(description=f"{_NAME} Null while nobody has said so.")
    address: Address | None = strawberry.field(description="Where it is; null while nobody has said so.")
    tax_id: str | None = strawberry.field(description=f"{_TAX_ID} Null without one.")
    footer: str | None = strawberry.field(description=f"{_FOOTER} Null when nothing does.")
    invoice_prefix: str = strawberry.field(description=_INVOICE_PREFIX)
    credit_note_prefix: str = strawberry.field(description=_CREDIT_NOTE_PREFIX)
    next_invoice_number: int = strawberry.field(description="The number of the next invoice, without its prefix.")
    next_credit_note_number: int = strawberry.field(
        description="The number of the next credit note, without its prefix."
    )
    time_zone: str = strawberry.field(description=_TIME_ZONE)
    on_trial_end_without_card: TrialEnd = strawberry.field(description=_TRIAL_END)
    created_at: datetime = strawberry.field(description="When it was made.")
    updated_at: datetime = strawberry.field(description="When it last changed, or gave a number.")

    @classmethod
    def is_type_of(cls, obj: object, _info: object) -> bool:
        return isinstance(obj, domain.Issuer)

    @strawberry.field(description="What is done when a renewal is declined.")
    def dunning(root: strawberry.Parent[domain.Issuer]) -> DunningPolicy:
        return cast("DunningPolicy", root.dunning)


@strawberry.type
class IssuerQuery:
    @strawberry.field(description="An issuer by its id; null when there is none, and for customers.")
    async def issuer(
        self,
        info: Info,
        id: Annotated[
            strawberry.ID | None,
            strawberry.argument(description="Id of the issuer, `iss_…`; left out, the one that issues invoices."),
        ] = None,
    ) -> Issuer | None:
        info.context.require(Permission.RECORDS_READ)
        return cast("Issuer | None", await info.context.loaders.issuers.load(id or DEFAULT_ISSUER_ID))


# --- mutations ------------------------------------------------------------------------------------------------------


@strawberry.input(description="When what was declined is tried again, and what happens in the end.")
class DunningPolicyInput:
    retries_after_hours: list[int] = strawberry.field(description=_RETRIES)
    ends_after_hours: int = strawberry.field(description=_ENDS)
    then: AfterDunning = strawberry.field(description="What becomes of the subscription.")

    def to_domain(self) -> DomainPolicy:
        try:
            return DomainPolicy(
                retries_after=tuple(hours * _HOUR for hours in self.retries_after_hours),
                ends_after=self.ends_after_hours * _HOUR,
                then=self.then,
            )
        except PaydeskError as error:
            raise error.at("dunning") from None


@strawberry.input(description="A change of an issuer. What is left out stays; null removes what may be missing.")
class IssuerUpdateInput:
    issuer_id: strawberry.ID = strawberry.field(description="Id of the issuer, `iss_…`.")
    name: str | None = strawberry.field(default=strawberry.UNSET, description=_NAME)
    address: AddressInput | None = strawberry.field(default=strawberry.UNSET, description="Where it is.")
    tax_id: str | None = strawberry.field(default=strawberry.UNSET, description=_TAX_ID)
    footer: str | None = strawberry.field(default=strawberry.UNSET, description=_FOOTER)
    invoice_prefix: str | None = strawberry.field(default=strawberry.UNSET, description=_INVOICE_PREFIX)
    credit_note_prefix: str | None = strawberry.field(default=strawberry.UNSET, description=_CREDIT_NOTE_PREFIX)
    time_zone: str | None = strawberry.field(default=strawberry.UNSET, description=_TIME_ZONE)
    dunning: DunningPolicyInput | None = strawberry.field(
        default=strawberry.UNSET, description="What is done when a renewal is declined; dunning that has begun goes on."
    )
    on_trial_end_without_card: TrialEnd | None = strawberry.field(default=strawberry.UNSET, description=_TRIAL_END)

    def to_domain(self) -> IssuerChanges:
        sent = sent_fields(
            {
                "name": self.name,
                "address": self.address and self.address.to_domain(),
                "tax_id": self.tax_id,
                "footer": self.footer,
                "invoice_prefix": self.invoice_prefix,
                "credit_note_prefix": self.credit_note_prefix,
                "time_zone": self.time_zone,
                "dunning": self.dunning and self.dunning.to_domain(),
                "on_trial_end_without_card": self.on_trial_end_without_card,
            }
        )
        return cast("IssuerChanges", sent)


@strawberry.type(description="The issuer, or why it was refused.")
class IssuerPayload:
    issuer: Issuer | None = strawberry.field(default=None, description="The issuer as it now is.")
    user_errors: list[UserError] = strawberry.field(default_factory=list, description="Empty when it was done.")


@strawberry.type
class IssuerMutation:
    @strawberry.mutation(
        description="Change who issues invoices. What was issued stays as it was printed, and numbers go on, whatever "
        "stands before them. For admins, and servers with the scope `ISSUERS_WRITE`."
    )
    async def issuer_update(self, info: Info, input: IssuerUpdateInput) -> IssuerPayload | None:
        try:
            issuer_id = await info.context.services.issuers.update(
                info.context.principal, input.issuer_id, input.to_domain()
            )
        except PaydeskError as error:
            return IssuerPayload(user_errors=[user_error(error)])
        info.context.changed()
        return IssuerPayload(issuer=cast("Issuer | None", await info.context.loaders.issuers.load(issuer_id)))
