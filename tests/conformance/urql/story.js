// An app in which a customer shops, with urql and its normalized cache.
import assert from "node:assert/strict";
import test from "node:test";

import { Client, fetchExchange, gql, subscriptionExchange } from "@urql/core";
import { cacheExchange } from "@urql/exchange-graphcache";
import { relayPagination } from "@urql/exchange-graphcache/extras";
import { introspectionFromSchema, isObjectType } from "graphql";
import { createClient } from "graphql-ws";
import WebSocket from "ws";

import { schema } from "../schema.js";
import { customerToken, newKey, until, url, wsUrl } from "../story.js";

// --- the client ---

const withoutId = Object.values(schema.getTypeMap()).filter((type) => isObjectType(type) && !type.getFields().id);

const newCache = () =>
    cacheExchange({
        schema: introspectionFromSchema(schema), // which types `NextAction` and `Node` may turn out to be
        keys: Object.fromEntries(withoutId.map((type) => [type.name, () => null])), // Money and its like
        resolvers: {
            Customer: { orders: relayPagination() },
            Query: { products: relayPagination() },
        },
    });

/** Subscriptions are event streams, which urql reads without any library. */
const newClient = (token) =>
    new Client({
        url,
        fetchOptions: { headers: { Authorization: `Bearer ${token}` } },
        fetchSubscriptions: true,
        exchanges: [newCache(), fetchExchange],
    });

/** Or they share one WebSocket. */
const newClientWithSocket = (token) => {
    const socket = createClient({
        url: wsUrl,
        webSocketImpl: WebSocket, // browsers have one of their own
        connectionParams: { Authorization: `Bearer ${token}` },
    });
    return new Client({
        url,
        fetchOptions: { headers: { Authorization: `Bearer ${token}` } },
        exchanges: [
            newCache(),
            fetchExchange,
            subscriptionExchange({
                forwardSubscription: ({ query, variables }) => ({
                    subscribe: (sink) => ({ unsubscribe: socket.subscribe({ query, variables }, sink) }),
                }),
            }),
        ],
    });
};

const client = newClient(customerToken);

// --- what the app asks ---

const PRODUCTS = gql`
    query Products($first: Int!) {
        products(first: $first, sort: NAME) {
            nodes {
                id
                name
                createdAt
                metadata
                prices { nodes { id amount { minorUnits currency formatted(locale: "de") } } }
            }
            pageInfo { hasNextPage endCursor }
        }
    }
`;

const ORDER_PARTS = gql`
    fragment OrderParts on Order { id state paymentState total { minorUnits } }
`;

const MY_ORDERS = gql`
    query MyOrders($first: Int!, $after: String) {
        me {
            id
            orders(first: $first, after: $after) {
                nodes { ...OrderParts }
                pageInfo { hasNextPage endCursor }
            }
        }
    }
    ${ORDER_PARTS}
`;

const CREATE_ORDER = gql`
    mutation CreateOrder($input: OrderCreateInput!) {
        orderCreate(input: $input) {
            order { ...OrderParts }
            userErrors { code message path }
        }
    }
    ${ORDER_PARTS}
`;

const PAY = gql`
    mutation Pay($input: OrderChargeInput!) {
        orderCharge(input: $input) {
            charge {
                id
                state
                declineCode
                advice
                message
                nextAction { __typename ... on RedirectAction { url } ... on SdkAction { clientSecret } }
            }
            order { ...OrderParts }
            userErrors { code message path }
        }
    }
    ${ORDER_PARTS}
`;

const ATTACH_CARD = gql`
    mutation AttachCard($input: PaymentMethodAttachInput!) {
        paymentMethodAttach(input: $input) {
            paymentMethod { id state }
            userErrors { code message }
        }
    }
`;

const ORDER_UPDATED = gql`
    subscription OrderUpdated($id: ID!, $after: String) {
        orderUpdated(id: $id, after: $after) {
            order { ...OrderParts }
            event { id kind }
            cursor
        }
    }
    ${ORDER_PARTS}
`;

// --- the story ---

let priceId;
const orderIds = [];

test("the catalogue is read, with money as whole cents and a text for people", async () => {
    const { data, error } = await client.query(PRODUCTS, { first: 2 });

    assert.equal(error, undefined);
    const [first, second] = data.products.nodes;
    assert.deepEqual([first.name, second.name], ["Assam", "Ceylon"]);
    assert.equal(data.products.pageInfo.hasNextPage, true);
    assert.deepEqual(first.metadata, {});
    assert.ok(Date.now() - Date.parse(first.createdAt) < 3_600_000);
    const [price] = first.prices.nodes;
    assert.deepEqual(
        [price.amount.minorUnits, price.amount.currency, price.amount.formatted],
        [1000, "USD", "10,00\u00a0$"],
    );
    priceId = price.id;
});

test("five orders are made", async () => {
    for (let quantity = 1; quantity <= 5; quantity += 1) {
        const input = { lines: [{ priceId, quantity }], idempotencyKey: newKey() };
        const { data } = await client.mutation(CREATE_ORDER, { input });
        assert.deepEqual(data.orderCreate.userErrors, []);
        assert.equal(data.orderCreate.order.total.minorUnits, 1000 * quantity);
        orderIds.unshift(data.orderCreate.order.id);
    }
});

test("page after page grows one list, without a gap or a repeat", async () => {
    let orders = await myOrders();
    const sizes = [orders.nodes.length];

    while (orders.pageInfo.hasNextPage) {
        orders = await myOrders(orders.pageInfo.endCursor);
        sizes.push(orders.nodes.length);
    }

    assert.deepEqual(sizes, [2, 4, 5]);
    assert.deepEqual(
        orders.nodes.map(({ id }) => id),
        orderIds,
    );
});

test("a payment changes the order wherever the app shows it", async () => {
    const { data } = await pay(orderIds[0]);

    assert.deepEqual(data.orderCharge.userErrors, []);
    assert.equal(data.orderCharge.charge.state, "SUCCEEDED");
    const { data: cached } = client.readQuery(MY_ORDERS, { first: 2 });
    assert.deepEqual(
        cached.me.orders.nodes.map(({ paymentState }) => paymentState),
        ["PAID", "UNPAID", "UNPAID", "UNPAID", "UNPAID"],
    );
});

test("a payment from elsewhere arrives by itself, and changes what the app shows", async () => {
    await follow(orderIds[2], client);

    const { data: cached } = client.readQuery(MY_ORDERS, { first: 2 });
    assert.equal(cached.me.orders.nodes.find(({ id }) => id === orderIds[2]).paymentState, "PAID");
});

test("it arrives over a WebSocket too", async () => {
    await follow(orderIds[3], newClientWithSocket(customerToken));
});

test("what the customer can mend is data: a user error", async () => {
    const { data, error } = await pay(orderIds[0]);

    assert.equal(error, undefined);
    assert.equal(data.orderCharge.charge, null);
    assert.deepEqual(
        data.orderCharge.userErrors.map(({ code, path }) => ({ code, path })),
        [{ code: "ORDER_ALREADY_PAID", path: ["orderId"] }],
    );
});

test("a decline is data too", async () => {
    const { data } = await pay(orderIds[1], await card("tok_chargeDeclinedInsufficientFunds"));

    const { state, declineCode, advice } = data.orderCharge.charge;
    assert.deepEqual([state, declineCode, advice], ["DECLINED", "INSUFFICIENT_FUNDS", "RETRY_LATER"]);
    assert.deepEqual(data.orderCharge.userErrors, []);
});

test("a union tells what the customer has to do", async () => {
    const { data } = await pay(orderIds[1], await card("tok_threeDSecureRequired"));

    assert.equal(data.orderCharge.charge.state, "REQUIRES_ACTION");
    assert.equal(data.orderCharge.charge.nextAction.__typename, "RedirectAction");
    assert.equal(new URL(data.orderCharge.charge.nextAction.url).origin, new URL(url).origin);
});

test("a document that the schema does not know is an error with a code", async () => {
    const { data, error } = await client.query(gql`query Wrong { nonsense }`, {});

    assert.equal(data, undefined);
    assert.equal(error.response.status, 422);
    assert.equal(error.networkError, undefined);
    assert.equal(error.graphQLErrors[0].extensions.code, "GRAPHQL_VALIDATION_FAILED");
    assert.match(error.message, /nonsense/);
});

test("what could be read comes with the error of what could not", async () => {
    const tooMany = gql`query TooMany { me { id } orders(first: 500) { nodes { id } } }`;

    const { data, error } = await client.query(tooMany, {});

    assert.match(data.me.id, /^cus_/);
    assert.equal(data.orders, null);
    assert.equal(error.response.status, 294);
    assert.deepEqual(error.graphQLErrors[0].path, ["orders"]);
});

test("a token that is not good is an error that the app can tell from others", async () => {
    const { error } = await newClient("not a token").query(MY_ORDERS, { first: 1 });

    assert.equal(error.response.status, 401);
    assert.equal(error.graphQLErrors[0].extensions.code, "UNAUTHENTICATED");
});

async function myOrders(after) {
    const { data, error } = await client.query(MY_ORDERS, { first: 2, after });
    assert.equal(error, undefined);
    return data.me.orders;
}

/** Follows an order while somebody pays it elsewhere. */
async function follow(orderId, follower) {
    const updates = [];
    const { unsubscribe } = follower.subscription(ORDER_UPDATED, { id: orderId }).subscribe(({ data, error }) => {
        assert.equal(error, undefined);
        updates.push(data.orderUpdated);
    });
    await until(() => updates.length === 1);
    assert.deepEqual([updates[0].event, updates[0].order.state], [null, "OPEN"]);

    await pay(orderId, null, newClient(customerToken));

    await until(() => updates.at(-1).event?.kind === "ORDER_COMPLETED");
    assert.equal(updates.at(-1).order.paymentState, "PAID");
    unsubscribe(); // not from within `subscribe`: an event stream would then end with an AbortError that nobody catches
}

function pay(orderId, paymentMethodId, by = client) {
    return by.mutation(PAY, { input: { orderId, paymentMethodId, idempotencyKey: newKey() } });
}

async function card(token) {
    const { data } = await client.mutation(ATTACH_CARD, { input: { token } });
    assert.deepEqual(data.paymentMethodAttach.userErrors, []);
    return data.paymentMethodAttach.paymentMethod.id;
}
