// A shop's server on a WebSocket, with graphql-ws.
import assert from "node:assert/strict";
import test from "node:test";

import { createClient } from "graphql-ws";
import WebSocket from "ws";

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
import { adminKey, newKey, until, url, wsUrl } from "../story.js";

// --- the client ---

let socket;

const newClient = (credential, options = {}) =>
    createClient({
        url: wsUrl,
        webSocketImpl: WebSocket, // browsers have one of their own
        connectionParams: () => ({ Authorization: `Bearer ${credential}` }), // asked again for each connection
        lazyCloseTimeout: 5_000, // one connection for what follows closely
        on: { connected: (connected) => (socket = connected) },
        ...options,
    });

const client = newClient(adminKey);

/** One answer: a query, a mutation, or the first message of a subscription. */
async function ask(query, variables, of = client) {
    for await (const { data, errors } of of.iterate({ query, variables })) {
        assert.equal(errors, undefined);
        return data;
    }
}

/** Follows an order, over a lost connection too: graphql-ws sends `variables` again as they then are. */
function follow(id, onUpdate, variables = { id }) {
    return client.subscribe(
        { query: ORDER_UPDATED, variables },
        {
            next: ({ data: { orderUpdated } }) => {
                variables.after = orderUpdated.cursor;
                onUpdate(orderUpdated);
            },
            error: (error) => assert.fail(error),
            complete: () => {},
        },
    );
}

// --- the story ---

let priceId;
let customerId;
const orderIds = [];

test("the catalogue is read over the socket", async () => {
    const { products } = await ask(PRODUCTS);

    assert.deepEqual(
        products.nodes.map(({ name }) => name),
        ["Assam", "Ceylon"],
    );
    assert.equal(products.nodes[0].prices.nodes[0].amount.minorUnits, 1000);
    priceId = products.nodes[0].prices.nodes[0].id;
});

test("a customer with five orders is made over the socket", async () => {
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

test("a payment over HTTP is seen over the socket, and once only", async () => {
    const updates = [];
    const stop = follow(orderIds[0], (update) => updates.push(update));
    await until(() => updates.length === 1);
    assert.equal(updates[0].event, null);
    assert.deepEqual(updates[0].order, { state: "OPEN", paymentState: "UNPAID" });

    const { charge } = await payOverHttp(orderIds[0]);

    assert.equal(charge.state, "SUCCEEDED");
    await until(() => updates.at(-1).event?.kind === "ORDER_COMPLETED");
    assert.deepEqual(updates.at(-1).order, { state: "COMPLETED", paymentState: "PAID" });
    assert.deepEqual(kinds(updates), ["ORDER_PLACED", "CHARGE_CREATED", "CHARGE_SUCCEEDED", "ORDER_COMPLETED"]);
    stop();
});

test("what happens while the connection is lost is told afterwards, without a gap or a repeat", async () => {
    const [, orderId] = orderIds;
    const updates = [];
    const stop = follow(orderId, (update) => updates.push(update));
    await until(() => updates.length === 1);

    socket.terminate();
    await payOverHttp(orderId);

    await until(() => updates.at(-1).event?.kind === "ORDER_COMPLETED");
    stop();
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

test("a document that the schema does not know is an error with a code, and the socket stays", async () => {
    const before = socket;

    await assert.rejects(ask("{ nonsense }"), ([error]) => {
        assert.equal(error.extensions.code, "GRAPHQL_VALIDATION_FAILED");
        return true;
    });

    assert.equal((await ask("{ me { id } }")).me, null);
    assert.equal(socket, before);
});

test("an order that is not there ends the subscription with a code", async () => {
    await assert.rejects(ask(ORDER_UPDATED, { id: "ord_nobodys" }), ([error]) => {
        assert.equal(error.extensions.code, "NOT_FOUND");
        return true;
    });
});

test("a key that is not good ends the connection", async () => {
    // By default it tries again five times, for `connectionParams` may have a fresh token by then.
    const stranger = newClient("not a key", { retryAttempts: 0 });

    await assert.rejects(ask(PRODUCTS, {}, stranger), ({ code, reason }) => {
        assert.deepEqual([code, reason], [4403, "Forbidden"]);
        return true;
    });
});

test("nothing is left when the server ends", async () => {
    await client.dispose();

    await until(() => socket.readyState === WebSocket.CLOSED);
});

const pay = (orderId, paymentMethodId) => ask(PAY, { input: { orderId, paymentMethodId, idempotencyKey: newKey() } });

async function payOverHttp(orderId) {
    const response = await fetch(url, {
        method: "POST",
        headers: { Authorization: `Bearer ${adminKey}`, "Content-Type": "application/json" },
        body: JSON.stringify({ query: PAY, variables: { input: { orderId, idempotencyKey: newKey() } } }),
    });
    return (await response.json()).data.orderCharge;
}

const kinds = (updates) => updates.filter(({ event }) => event).map(({ event }) => event.kind);
