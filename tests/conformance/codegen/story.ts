// A shop's server, with types that graphql-codegen makes of our schema and its own documents.
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import test from "node:test";

import { graphql } from "./__generated__/gql.js";
import type { OrderCreateInput, PayMutation } from "./__generated__/graphql.js";
import { Client, GraphQLRequestError } from "./client.js";

const url = process.env["PAYDESK_URL"] ?? "";
const asksById = process.argv.includes("--by-id");
const client = new Client(url, process.env["PAYDESK_ADMIN_KEY"] ?? "", asksById);

// --- what the server asks ---

const productsQuery = graphql(`
    query Products($first: Int!) {
        products(first: $first, sort: NAME) {
            nodes {
                name
                createdAt
                metadata
                prices { nodes { id amount { minorUnits currency formatted(locale: "de") } } }
            }
        }
    }
`);

const createCustomer = graphql(`
    mutation CreateCustomer($input: CustomerCreateWithPaymentMethodInput!) {
        customerCreateWithPaymentMethod(input: $input) {
            customer { id createdAt }
            paymentMethod { id state card { brand last4 } }
            userErrors { code message path }
        }
    }
`);

const createOrder = graphql(`
    mutation CreateOrder($input: OrderCreateInput!) {
        orderCreate(input: $input) {
            order { id metadata total { minorUnits } }
            userErrors { code message path }
        }
    }
`);

const ordersOfCustomer = graphql(`
    query OrdersOfCustomer($id: ID!, $first: Int!, $after: String) {
        customer(id: $id) {
            orders(first: $first, after: $after) {
                nodes { id paymentState }
                pageInfo { hasNextPage endCursor }
            }
        }
    }
`);

const payOrder = graphql(`
    mutation Pay($input: OrderChargeInput!) {
        orderCharge(input: $input) {
            charge {
                id
                state
                declineCode
                message
                nextAction {
                    __typename
                    ... on RedirectAction { url expiresAt }
                    ... on SdkAction { clientSecret }
                }
            }
            order { state paymentState }
            userErrors { code message path }
        }
    }
`);

const attachCard = graphql(`
    mutation AttachCard($input: PaymentMethodAttachInput!) {
        paymentMethodAttach(input: $input) {
            paymentMethod { id }
            userErrors { code message }
        }
    }
`);

const orderUpdated = graphql(`
    subscription OrderUpdated($id: ID!, $after: String) {
        orderUpdated(id: $id, after: $after) {
            order { state paymentState }
            event { kind summary }
            cursor
        }
    }
`);

// --- what the server makes of a charge ---

type Charge = NonNullable<NonNullable<PayMutation["orderCharge"]>["charge"]>;

/** What to tell the customer. The compiler sees that no state is forgotten; a new one of a later version asks to wait. */
function advice({ state, message, nextAction }: Charge): string {
    switch (state) {
        case "SUCCEEDED":
        case "AUTHORIZED":
            return "thanks";
        case "REQUIRES_ACTION":
            return nextAction?.__typename === "RedirectAction" ? `go to ${nextAction.url}` : "use the app";
        case "DECLINED":
        case "FAILED":
        case "VOIDED":
        case "EXPIRED":
            return message ?? "try again";
        case "PENDING":
        case "UNKNOWN":
        case "%future added value":
            return "wait";
    }
}

// --- the story ---

let priceId = "";
let customerId = "";
const orderIds: string[] = [];

test("the catalogue is read, with money as whole cents and a text for people", async () => {
    const { products } = await client.ask(productsQuery, { first: 2 });

    const [first, second] = products?.nodes ?? [];
    assert.deepEqual([first?.name, second?.name], ["Assam", "Ceylon"]);
    const metadata: Record<string, string> | undefined = first?.metadata;
    assert.deepEqual(metadata, {});
    assert.ok(first && Date.now() - Date.parse(first.createdAt) < 3_600_000);
    const price = first.prices.nodes[0];
    assert.ok(price);
    const cents: number = price.amount.minorUnits;
    assert.deepEqual([cents, price.amount.currency, price.amount.formatted], [1000, "USD", "10,00\u00a0$"]);
    priceId = price.id;
});

test("a customer is added with a card", async () => {
    const { customerCreateWithPaymentMethod: made } = await client.ask(createCustomer, {
        input: { name: "Grace Hopper", metadata: { desk: "7" }, token: "tok_visa" },
    });

    assert.deepEqual(made?.userErrors, []);
    assert.equal(made.paymentMethod?.state, "ACTIVE");
    assert.deepEqual(made.paymentMethod.card, { brand: "VISA", last4: "4242" });
    assert.ok(made.customer);
    customerId = made.customer.id;
});

test("five orders are made", async () => {
    for (let quantity = 1; quantity <= 5; quantity += 1) {
        const order = await ordered({ customerId, lines: [{ priceId, quantity }], metadata: { cart: `${quantity}` } });
        assert.equal(order.total.minorUnits, 1000 * quantity);
        assert.equal(order.metadata["cart"], `${quantity}`);
        orderIds.unshift(order.id);
    }
});

test("page after page is read, without a gap or a repeat", async () => {
    const pages: string[][] = [];

    for (let after: string | null = null, more = true; more; ) {
        const { customer }: Awaited<ReturnType<typeof page>> = await page(after);
        assert.ok(customer);
        pages.push(customer.orders.nodes.map(({ id }) => id));
        ({ endCursor: after, hasNextPage: more } = customer.orders.pageInfo);
    }

    assert.deepEqual(pages.map(({ length }) => length), [2, 2, 1]);
    assert.deepEqual(pages.flat(), orderIds);
});

test("an order is paid", async () => {
    const { charge, order, userErrors } = await paid(orderIds[0]);

    assert.deepEqual(userErrors, []);
    assert.ok(charge);
    assert.equal(advice(charge), "thanks");
    assert.deepEqual([order?.state, order?.paymentState], ["COMPLETED", "PAID"]);
});

test("an order is followed until it is paid", async () => {
    const [, , orderId = ""] = orderIds;
    const seen: string[] = [];

    for await (const { orderUpdated: update } of client.follow(orderUpdated, { id: orderId })) {
        if (!update?.event) {
            assert.equal(update?.order?.state, "OPEN");
            await paid(orderId);
            continue;
        }
        seen.push(update.event.summary);
        if (update.event.kind === "ORDER_COMPLETED") {
            assert.equal(update.order?.paymentState, "PAID");
            break;
        }
    }

    assert.equal(seen.length, 4);
    assert.equal(seen.at(-1), "The order is complete.");
});

test("what a user can mend is data: a user error", async () => {
    const { charge, userErrors } = await paid(orderIds[0]);

    assert.equal(charge, null);
    assert.deepEqual(
        userErrors.map(({ code, path }) => ({ code, path })),
        [{ code: "ORDER_ALREADY_PAID", path: ["orderId"] }],
    );
});

test("a decline is data too", async () => {
    const { charge, userErrors } = await paid(orderIds[1], await card("tok_chargeDeclinedInsufficientFunds"));

    assert.deepEqual([charge?.state, charge?.declineCode], ["DECLINED", "INSUFFICIENT_FUNDS"]);
    assert.ok(charge);
    assert.match(advice(charge), /insufficient funds/);
    assert.deepEqual(userErrors, []);
});

test("a union tells what the customer has to do", async () => {
    const { charge } = await paid(orderIds[1], await card("tok_threeDSecureRequired"));

    assert.ok(charge);
    assert.match(advice(charge), /^go to http:/);
});

test("an error of the request is thrown, with its code", async () => {
    await assert.rejects(page("not a cursor"), (error) => {
        assert.ok(error instanceof GraphQLRequestError);
        assert.equal(error.status, 294);
        assert.deepEqual(error.errors[0]?.path, ["customer", "orders"]);
        return true;
    });
});

test("a variable that does not fit is refused before anything runs", async () => {
    // @ts-expect-error: the compiler refuses it first
    await assert.rejects(client.ask(productsQuery, { first: "two" }), (error) => {
        assert.ok(error instanceof GraphQLRequestError);
        assert.equal(error.status, 422);
        assert.equal(error.errors[0]?.extensions?.code, "BAD_USER_INPUT");
        return true;
    });
});

test("a key that is not good is an error that the server can tell from others", async () => {
    await assert.rejects(new Client(url, "not a key", asksById).ask(productsQuery, { first: 1 }), (error) => {
        assert.ok(error instanceof GraphQLRequestError);
        assert.equal(error.status, 401);
        assert.equal(error.errors[0]?.extensions?.code, "UNAUTHENTICATED");
        return true;
    });
});

const page = (after: string | null) => client.ask(ordersOfCustomer, { id: customerId, first: 2, after });

async function ordered(input: OrderCreateInput) {
    const { orderCreate } = await client.ask(createOrder, { input });
    assert.ok(orderCreate?.order, orderCreate?.userErrors[0]?.message);
    return orderCreate.order;
}

async function paid(orderId = "", paymentMethodId: string | null = null) {
    const { orderCharge } = await client.ask(payOrder, {
        input: { orderId, paymentMethodId, idempotencyKey: randomUUID() },
    });
    assert.ok(orderCharge);
    return orderCharge;
}

async function card(token: string): Promise<string> {
    const { paymentMethodAttach: attached } = await client.ask(attachCard, { input: { customerId, token } });
    assert.ok(attached?.paymentMethod, attached?.userErrors[0]?.message);
    return attached.paymentMethod.id;
}
