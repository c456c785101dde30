// A shop's server on event streams, with graphql-sse: a request for each operation ("distinct connections mode").
import assert from "node:assert/strict";
import test from "node:test";

import { createClient } from "graphql-sse";

import {
    ATTACH_CARD,
    CREATE_CUSTOMER,
    CREATE_ORDER,
    ORDERS_OF_CUSTOMER,
    ORDER_UPDATED,
    PAY,
    PRODUCTS,
    TIMELINE,
} from "../server-documents.js";
import { adminKey, newKey, until, url } from "../story.js";

// --- the client ---

const newClient = (credential, options = {}) =>
    createClient({
        url,
        headers: () => ({ Authorization: `Bearer ${credential}` }), // asked again for each request
        ...options,
    });

const client = newClient(adminKey);

/** One answer: a query, a mutation, or the first message of a subscription. */
async function ask(query, variables, of = client) {
    for await (const { data, errors } of of.iterate({ query, variables })) {
        if (errors) {
            throw errors;
        }
        return data;
    }
}

/** Follows an order from a cursor on, or from now. */
function follow(id, after, onUpdate) {
    return client.subscribe(
        { query: ORDER_UPDATED, variables: { id, after } },
        {
            next: ({ data: { orderUpdated } }) => onUpdate(orderUpdated),
            error: (error) => assert.fail(error),
            complete: () => {},
        },
    );
}

// --- the story ---

let priceId;
let customerId;
const orderIds = [];

test("the catalogue is read over an event stream", async () => {
    const { products } = await ask(PRODUCTS);

    assert.deepEqual(
        products.nodes.map(({ name }) => name),
        ["Assam", "Ceylon"],
    );
    assert.equal(products.nodes[0].prices.nodes[0].amount.minorUnits, 1000);
    priceId = products.nodes[0].prices.nodes[0].id;
});

test("a customer with five orders is made over an event stream", async () => {
    const input = { name: "Grace Hopper", token: "tok_visa" };
    customerId = (await ask(CREATE_CUSTOMER, { input })).customerCreateWithPaymentMethod.customer.id;

    for (let quantity = 1; quantity <= 5; quantity += 1) {
        const { orderCreate } = await ask(CREATE_ORDER, { input: { customerId, lines: [{ priceId, quantity }] } });
        assert.deepEqual(orderCreate.userErrors, []);
        orderIds.unshift(orderCreate.order.id);
    }
});

test("page after page is read, without a gap or a repeat", async () => {
    const pages = [];
    for (let page = {}; page.pageInfo?.hasNextPage !== false; pages.push(page.nodes.map(({ id }) => id))) {
        page = (await ask(ORDERS_OF_CUSTOMER, { id: customerId, after: page.pageInfo?.endCursor })).customer.orders;
    }

    assert.deepEqual(
        pages.map(({ length }) => length),
        [2, 2, 1],
    );
    assert.deepEqual(pages.flat(), orderIds);
});

test("a payment is seen, and once only", async () => {
    const updates = [];
    const stop = follow(orderIds[0], null, (update) => updates.push(update));
    await until(() => updates.length === 1);
    assert.equal(updates[0].event, null);
    assert.deepEqual(updates[0].order, { state: "OPEN", paymentState: "UNPAID" });

    const { orderCharge } = await pay(orderIds[0]);

    assert.equal(orderCharge.charge.state, "SUCCEEDED");
    await until(() => updates.at(-1).event?.kind === "ORDER_COMPLETED");
    assert.deepEqual(updates.at(-1).order, { state: "COMPLETED", paymentState: "PAID" });
    assert.deepEqual(
        updates.slice(1).map(({ event }) => event.kind),
        ["ORDER_PLACED", "CHARGE_CREATED", "CHARGE_SUCCEEDED", "ORDER_COMPLETED"],
    );
    stop();
});

test("what happens while nobody listens is told to who comes back with a cursor", async () => {
    const [, orderId] = orderIds;
    const updates = [];
    const stop = follow(orderId, null, (update) => updates.push(update));
    await until(() => updates.length === 1);
    stop();

    await pay(orderId);

    const stopAgain = follow(orderId, updates[0].cursor, (update) => updates.push(update));
    await until(() => updates.at(-1).event?.kind === "ORDER_COMPLETED");
    stopAgain();
    const { order } = await ask(TIMELINE, { id: orderId });
    const [, ...sinceItWasMade] = order.timeline.nodes.map(({ id }) => id);
    assert.deepEqual(
        updates.slice(1).map(({ event }) => event.id),
        sinceItWasMade,
    );
});

test("what a user can mend is data: a user error", async () => {
    const { orderCharge } = await pay(orderIds[0]);

    assert.equal(orderCharge.charge, null);
    assert.equal(orderCharge.userErrors[0].code, "ORDER_ALREADY_PAID");
});

test("a decline is data too", async () => {
    const input = { customerId, token: "tok_chargeDeclinedInsufficientFunds" };
    const { paymentMethod } = (await ask(ATTACH_CARD, { input })).paymentMethodAttach;

    const { orderCharge } = await pay(orderIds[2], paymentMethod.id);

    assert.deepEqual(orderCharge.charge, { state: "DECLINED", declineCode: "INSUFFICIENT_FUNDS" });
    assert.deepEqual(orderCharge.userErrors, []);
});

test("a document that the schema does not know is an error with a code", async () => {
    await assert.rejects(ask("{ nonsense }"), ([error]) => {
        assert.equal(error.extensions.code, "GRAPHQL_VALIDATION_FAILED");
        return true;
    });
});

test("an order that is not there ends the subscription with a code", async () => {
    await assert.rejects(ask(ORDER_UPDATED, { id: "ord_nobodys" }), ([error]) => {
        assert.equal(error.extensions.code, "NOT_FOUND");
        return true;
    });
});

test("a key that is not good is refused", async () => {
    // By default it tries again five times, for `headers` may have a fresh token by then.
    const stranger = newClient("not a key", { retryAttempts: 0 });

    await assert.rejects(ask(PRODUCTS, {}, stranger), ({ response }) => {
        assert.equal(response.status, 401);
        return true;
    });
});

test("nothing is left when the server ends", () => {
    client.dispose();
});

const pay = (orderId, paymentMethodId) => ask(PAY, { input: { orderId, paymentMethodId, idempotencyKey: newKey() } });
