"""Jobs that are not done, for those who look after them."""

from datetime import datetime
from typing import Annotated, cast

import strawberry

from domain.errors import PaydeskError
from domain.jobs import JobKind, JobRecord, JobState
from domain.principals import Permission
from domain.queries import JobFilter, Sort, Viewer
from domain.services.jobs import RetryJob
from schema.context import Info
from schema.described import described_enum
from schema.errors import UserError, user_error
from schema.inputs import KEY_OPTIONAL, request_of
from schema.listing import BY_ID, SortArgument, listed, paged, words
from schema.node import Node
from schema.pagination import Connection, given

described_enum(
    JobKind,
    description="What a job does. The list grows.",
    values={
        JobKind.RESOLVE_OPERATION: "Finds out what became of a request whose answer was lost.",
        JobKind.RESOLVE_PAYMENT_METHOD: "Finds out whether a card was attached.",
        JobKind.EXPIRE_CHARGE: "Ends a charge whose customer stayed away, or that was not captured in time.",
        JobKind.EXPIRE_ORDER: "Ends an order at its time.",
        JobKind.APPLY_WEBHOOK: "Reads again what a webhook is about, and books what it is now.",
        JobKind.FORGET_PAYMENT_METHOD: "Has the provider forget a card.",
        JobKind.FORGET_CUSTOMER: "Has the provider forget a customer who was erased.",
        JobKind.WATCH_CHARGE: "Looks at a charge that the provider is still deciding on.",
        JobKind.RELEASE_HOLD: "Releases an amount that is held for a charge that has ended.",
        JobKind.BILL_SUBSCRIPTION: "Does what time does to a subscription, such as its renewal.",
        JobKind.COLLECT_SUBSCRIPTION: "Charges what a subscription owes, as soon as that can be done.",
        JobKind.RECONCILE: "Compares our books with those of a provider account.",
        JobKind.FORGET_KEYS: "Forgets idempotency keys that are older than any retry.",
        JobKind.ADVANCE_CLOCK: "Goes on with a test clock that is being advanced.",
    },
)
described_enum(
    JobState,
    description="How a job that is not done is doing.",
    values={
        JobState.WAITING: "It runs when it is due.",
        JobState.FAILING: "It has failed twenty times or more. It goes on, because it is about money; please look.",
        JobState.DEAD: "It was given up after twenty failures. `jobRetry` has it tried again.",
    },
)


@strawberry.type(
    description="Work that has to be done after a commit, whoever is alive then. When it is done the job is gone."
)
class Job(Node):
    id: strawberry.ID = strawberry.field(description="Global id, `job_…`.")
    kind: JobKind = strawberry.field(description="What it does.")
    state: JobState = strawberry.field(description="How it is doing.")
    is_claimed: bool = strawberry.field(description="Whether a worker is doing it at the moment.")
    run_at: datetime = strawberry.field(
        description="When it is due. While a worker does it, when others may take it from a worker that died."
    )
    tries: int = strawberry.field(description="How often it was begun since it was last scheduled, or retried by hand.")
    last_error: str | None = strawberry.field(description="Why the last try failed; null if none did.")
    dead_at: datetime | None = strawberry.field(description="When it was given up; null if it was not.")
    retried_at: datetime | None = strawberry.field(description="When somebody last retried it; null if nobody did.")
    created_at: datetime = strawberry.field(description="When it was made.")

    @classmethod
    def is_type_of(cls, obj: object, _info: object) -> bool:
        return isinstance(obj, JobRecord)

    @strawberry.field(description="Id of what it works on; that of a request to the provider is an `op_…`.")
    def subject_id(root: strawberry.Parent[JobRecord]) -> strawberry.ID:
        return strawberry.ID(root.subject_id)

    @strawberry.field(
        description="The record that it works on, for a request its charge, refund or dispute; null if it works on "
        "none, or you may not read it."
    )
    async def subject(root: strawberry.Parent[JobRecord], info: Info) -> Node | None:
        loader = info.context.loaders.of(root.about_id)
        return cast("Node | None", await loader.load(root.about_id) if loader else None)


@strawberry.input(description="Which jobs to list; what is left out does not narrow.")
class JobFilterInput:
    kinds: list[JobKind] | None = strawberry.field(default=strawberry.UNSET, description="Only of these kinds.")
    states: list[JobState] | None = strawberry.field(default=strawberry.UNSET, description="Only in these states.")
    subject_id: strawberry.ID | None = strawberry.field(
        default=strawberry.UNSET, description="Only those that work on this record, or on a request about it."
    )
    overdue: bool | None = strawberry.field(
        default=strawberry.UNSET,
        description="Only those that have been due for more than a minute, or have not: no worker has a place.",
    )

    def to_domain(self) -> JobFilter:
        return JobFilter(
            kinds=words(self.kinds),
            states=words(self.states),
            subject_id=given(self.subject_id),
            overdue=given(self.overdue),
        )


@strawberry.type
class JobQuery:
    @listed(
        BY_ID,
        description="Jobs that are not done, dead letters among them. For admins, finance, and servers with the scope "
        "`UPKEEP_READ`.",
    )
    def jobs(
        self,
        info: Info,
        filter: Annotated[
            JobFilterInput | None, strawberry.argument(description="Which jobs; all by default.")
        ] = strawberry.UNSET,
        sort: SortArgument = Sort.NEWEST,
    ) -> Connection[Job] | None:
        info.context.require(Permission.UPKEEP_READ)
        where = filter.to_domain() if filter else JobFilter()
        queries = info.context.services.queries
        return paged(lambda request: queries.jobs.page(request, where, viewer=Viewer(sees_all=True)))


# --- mutations ------------------------------------------------------------------------------------------------------


@strawberry.input(description="A job that is to be tried at once.")
class JobRetryInput:
    job_id: strawberry.ID = strawberry.field(description="The one to try, `job_…`; see `jobs`.")
    idempotency_key: str | None = strawberry.field(default=strawberry.UNSET, description=KEY_OPTIONAL)


@strawberry.type(description="The job, or why it was refused.")
class JobPayload:
    job: Job | None = strawberry.field(
        default=None, description="The job as it now is; null also when a worker was quicker, and it is done."
    )
    user_errors: list[UserError] = strawberry.field(default_factory=list, description="Empty when it was done.")


@strawberry.type
class JobMutation:
    @strawberry.mutation(
        description="Have a job tried at once: one that was given up, or one that is not due yet. Its tries are "
        "counted anew. Needs `UPKEEP_WRITE`."
    )
    async def job_retry(self, info: Info, input: JobRetryInput) -> JobPayload | None:
        context = info.context
        request = request_of(context.principal, "jobRetry", input.idempotency_key, input)
        try:
            job_id = await context.services.jobs.retry(
                context.principal, RetryJob(job_id=input.job_id, request=request)
            )
        except PaydeskError as error:
            return JobPayload(user_errors=[user_error(error)])
        context.changed()
        if not context.principal.may(Permission.UPKEEP_READ):
            return JobPayload()
        return JobPayload(job=cast("Job | None", await context.loaders.jobs.load(job_id)))
