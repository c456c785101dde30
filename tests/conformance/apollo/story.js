// An app in which a customer shops, with Apollo Client.
import assert from "node:assert/strict";
import test, { after } from "node:test";

import { ApolloClient, ApolloLink, CombinedGraphQLErrors, HttpLink, InMemoryCache, gql } from "@apollo/client";
import { GraphQLWsLink } from "@apollo/client/link/subscriptions";
import { relayStylePagination } from "@apollo/client/utilities";
import { OperationTypeNode, isAbstractType } from "graphql";
import { createClient } from "graphql-ws";
import { filter, firstValueFrom, map, takeWhile, tap, toArray } from "rxjs";
import WebSocket from "ws";

import { schema } from "../schema.js";
import { customerToken, newKey, url, wsUrl } from "../story.js";

// --- the client ---

const possibleTypes = Object.fromEntries(
    Object.values(schema.getTypeMap())
        .filter(isAbstractType)
        .map((type) => [type.name, schema.getPossibleTypes(type).map((possible) => possible.name)]),
);

const newCache = () =>
    new InMemoryCache({
        possibleTypes, // else fragments on `Node` or `NextAction` find nothing in the cache
        typePolicies: {
            Customer: { fields: { orders: relayStylePagination(["filter", "sort"]) } },
            Query: { fields: { products: relayStylePagination(["filter", "sort"]) } },
        },
    });

const newClient = (token) => {
    const Authorization = `Bearer ${token}`;
    const http = new HttpLink({ uri: url, headers: { Authorization } });
    const socket = new GraphQLWsLink(
        createClient({
            url: wsUrl,
            webSocketImpl: WebSocket, // browsers have one of their own
            connectionParams: { Authorization },
        }),
    );
    const isLive = ({ operationType }) => operationType === OperationTypeNode.SUBSCRIPTION;
    return new ApolloClient({ cache: newCache(), link: ApolloLink.split(isLive, socket, http) });
};

const client = newClient(customerToken);
after(() => client.stop());

// --- what the app asks ---

const PRODUCTS = gql`
    query Products($first: Int!) {
        products(first: $first, sort: NAME) {
            edges {
                node {
                    id
                    name
                    createdAt
                    metadata
                    prices { nodes { id amount { minorUnits currency formatted(locale: "de") } } }
                }
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
                edges { cursor node { ...OrderParts } }
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
                nextAction { ... on RedirectAction { url } ... on SdkAction { clientSecret } }
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
    const { data } = await client.query({ query: PRODUCTS, variables: { first: 2 } });

    const [first, second] = data.products.edges.map(({ node }) => node);
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
        const { data } = await client.mutate({
            mutation: CREATE_ORDER,
            variables: { input: { lines: [{ priceId, quantity }], idempotencyKey: newKey() } },
        });
        assert.deepEqual(data.orderCreate.userErrors, []);
        assert.equal(data.orderCreate.order.total.minorUnits, 1000 * quantity);
        orderIds.unshift(data.orderCreate.order.id);
    }
});

test("page after page grows one list, without a gap or a repeat", async () => {
    const orders = client.watchQuery({ query: MY_ORDERS, variables: { first: 2 } });
    const shown = (size) => firstValueFrom(orders.pipe(map(shownOrders), filter(({ edges }) => edges.length === size)));

    assert.equal((await shown(2)).pageInfo.hasNextPage, true);
    for (const size of [4, 5]) {
        const { pageInfo } = shownOrders(orders.getCurrentResult());
        await orders.fetchMore({ variables: { after: pageInfo.endCursor } });
        await shown(size);
    }

    const { edges, pageInfo } = shownOrders(orders.getCurrentResult());
    assert.equal(pageInfo.hasNextPage, false);
    assert.deepEqual(
        edges.map(({ node }) => node.id),
        orderIds,
    );
});

test("a payment changes the order wherever the app shows it", async () => {
    const { data } = await pay(orderIds[0]);

    assert.deepEqual(data.orderCharge.userErrors, []);
    assert.equal(data.orderCharge.charge.state, "SUCCEEDED");
    const cached = client.readQuery({ query: MY_ORDERS, variables: { first: 2 } });
    assert.deepEqual(
        cached.me.orders.edges.map(({ node }) => node.paymentState),
        ["PAID", "UNPAID", "UNPAID", "UNPAID", "UNPAID"],
    );
});

test("a payment from elsewhere arrives by itself, and changes what the app shows", async () => {
    const [, , orderId] = orderIds;
    const elsewhere = newClient(customerToken);
    const updates = client.subscribe({ query: ORDER_UPDATED, variables: { id: orderId } }).pipe(
        map(({ data }) => data.orderUpdated),
        tap(({ event }) => event ?? pay(orderId, null, elsewhere)), // the first message says how things are
        takeWhile(({ order }) => order.state !== "COMPLETED", true),
    );

    const [first, ...rest] = await firstValueFrom(updates.pipe(toArray()));

    assert.deepEqual([first.event, first.order.state], [null, "OPEN"]);
    assert.equal(rest.at(-1).order.paymentState, "PAID");
    const cached = client.readQuery({ query: MY_ORDERS, variables: { first: 2 } });
    assert.equal(cached.me.orders.edges.find(({ node }) => node.id === orderId).node.paymentState, "PAID");
    elsewhere.stop();
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
    const cached = client.readFragment({
        id: client.cache.identify(data.orderCharge.charge),
        fragment: gql`
            fragment ById on Node { id ... on Charge { nextAction { ... on RedirectAction { url } } } }
        `,
    });
    assert.equal(cached.nextAction.url, data.orderCharge.charge.nextAction.url);
});

test("a document that the schema does not know is an error with a code", async () => {
    const wrong = gql`query Wrong { me { nonsense } }`;

    await assert.rejects(client.query({ query: wrong }), (error) => {
        assert.ok(CombinedGraphQLErrors.is(error));
        assert.equal(error.errors[0].extensions.code, "GRAPHQL_VALIDATION_FAILED");
        assert.match(error.message, /nonsense/);
        return true;
    });
});

test("what could be read comes with the error of what could not", async () => {
    const tooMany = gql`query TooMany { me { id } orders(first: 500) { nodes { id } } }`;

    const { data, error } = await client.query({ query: tooMany, errorPolicy: "all" });

    assert.match(data.me.id, /^cus_/);
    assert.equal(data.orders, null);
    assert.ok(CombinedGraphQLErrors.is(error));
    assert.deepEqual(error.errors[0].path, ["orders"]);
});

test("a token that is not good is an error that the app can tell from others", async () => {
    const stranger = newClient("not a token");

    await assert.rejects(stranger.query({ query: MY_ORDERS, variables: { first: 1 } }), (error) => {
        assert.ok(CombinedGraphQLErrors.is(error));
        assert.equal(error.errors[0].extensions.code, "UNAUTHENTICATED");
        return true;
    });
    stranger.stop();
});

const shownOrders = ({ data }) => data?.me.orders ?? { edges: [] };

function pay(orderId, paymentMethodId, by = client) {
    const input = { orderId, paymentMethodId, idempotencyKey: newKey() };
    return by.mutate({ mutation: PAY, variables: { input } });
}

async function card(token) {
    const { data } = await client.mutate({ mutation: ATTACH_CARD, variables: { input: { token } } });
    assert.deepEqual(data.paymentMethodAttach.userErrors, []);
    return data.paymentMethodAttach.paymentMethod.id;
}
