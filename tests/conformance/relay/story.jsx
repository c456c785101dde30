// An app in which a customer shops, with React and Relay.
import assert from "node:assert/strict";
import test, { before } from "node:test";

import { Window } from "happy-dom";
import { Suspense, act } from "react";
import { createRoot } from "react-dom/client";
import { RelayEnvironmentProvider, graphql, useLazyLoadQuery, usePaginationFragment } from "react-relay";
import { ConnectionHandler, commitMutation, createOperationDescriptor, fetchQuery, getRequest, requestSubscription } from "relay-runtime";

import { customerToken, newKey, url } from "../story.js";
import { newEnvironment } from "./environment.js";

const environment = newEnvironment(customerToken);

// --- what the app shows ---

function MyOrders() {
    const { me } = useLazyLoadQuery(
        graphql`
            query storyMyOrdersQuery {
                me { ...story_orders }
            }
        `,
        {},
    );
    return <Orders customer={me} />;
}

function Orders({ customer }) {
    const { data, hasNext, loadNext } = usePaginationFragment(
        graphql`
            fragment story_orders on Customer
            @argumentDefinitions(first: { type: "Int", defaultValue: 2 }, after: { type: "String" })
            @refetchable(queryName: "storyOrdersPageQuery") {
                orders(first: $first, after: $after) @connection(key: "story_orders") {
                    edges { node { id paymentState } }
                }
            }
        `,
        customer,
    );
    return (
        <>
            <ul>
                {data.orders.edges.map(({ node }) => (
                    <li key={node.id} id={node.id}>{node.paymentState}</li>
                ))}
            </ul>
            <button disabled={!hasNext} onClick={() => loadNext(2)}>More</button>
        </>
    );
}

// --- what the app does ---

const productsQuery = graphql`
    query storyProductsQuery {
        products(first: 2, sort: NAME) {
            nodes {
                id
                name
                createdAt
                metadata
                prices { nodes { id amount { minorUnits currency formatted(locale: "de") } } }
            }
        }
    }
`;

const createOrderMutation = graphql`
    mutation storyCreateOrderMutation($input: OrderCreateInput!, $connections: [ID!]!) {
        orderCreate(input: $input) {
            order @prependNode(connections: $connections, edgeTypeName: "OrderEdge") {
                id
                paymentState
                total { minorUnits }
            }
            userErrors { code message path }
        }
    }
`;

const payMutation = graphql`
    mutation storyPayMutation($input: OrderChargeInput!) {
        orderCharge(input: $input) {
            charge {
                id
                state
                declineCode
                advice
                message
                nextAction { __typename ... on RedirectAction { url } ... on SdkAction { clientSecret } }
            }
            order { id state paymentState }
            userErrors { code message path }
        }
    }
`;

const attachCardMutation = graphql`
    mutation storyAttachCardMutation($input: PaymentMethodAttachInput!) {
        paymentMethodAttach(input: $input) {
            paymentMethod { id }
            userErrors { code message }
        }
    }
`;

const orderUpdatedSubscription = graphql`
    subscription storyOrderUpdatedSubscription($id: ID!, $after: String) {
        orderUpdated(id: $id, after: $after) {
            order { id state paymentState }
            event { id kind }
            cursor
        }
    }
`;

const orderByIdQuery = graphql`
    query storyOrderByIdQuery($id: ID!) {
        node(id: $id) { __typename id ... on Order { paymentState } }
        order(id: $id) { id paymentState }
    }
`;

const ordersQuery = graphql`
    query storyOrdersQuery($first: Int) {
        me { id }
        orders(first: $first) { nodes { id } }
    }
`;

// --- the story ---

let priceId;
let screen;
const orderIds = [];

before(() => {
    const window = new Window();
    Object.assign(globalThis, { window, document: window.document, IS_REACT_ACT_ENVIRONMENT: true });
    screen = createRoot(document.body.appendChild(document.createElement("main")));
});

test("the catalogue is read, with money as whole cents and a text for people", async () => {
    const { products } = await ask(productsQuery);

    const [first, second] = products.nodes;
    assert.deepEqual([first.name, second.name], ["Assam", "Ceylon"]);
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
        const { order, userErrors } = await createOrder(quantity);
        assert.deepEqual(userErrors, []);
        assert.equal(order.total.minorUnits, 1000 * quantity);
        orderIds.unshift(order.id);
    }
});

test("page after page grows one list, without a gap or a repeat", async () => {
    await act(() =>
        screen.render(
            <RelayEnvironmentProvider environment={environment}>
                <Suspense fallback="…">
                    <MyOrders />
                </Suspense>
            </RelayEnvironmentProvider>,
        ),
    );
    await until(() => shown().length === 2);

    for (const size of [4, 5]) {
        await act(() => document.querySelector("button").click());
        await until(() => shown().length === size);
    }

    assert.equal(document.querySelector("button").disabled, true);
    assert.deepEqual(
        shown().map(({ id }) => id),
        orderIds,
    );
});

test("a new order stands at the head of the list that is shown", async () => {
    const { me } = await ask(ordersQuery, { first: 1 });
    const connection = ConnectionHandler.getConnectionID(me.id, "story_orders");

    const { order } = await createOrder(1, [connection]);
    orderIds.unshift(order.id);

    await until(() => shown().length === 6);
    assert.deepEqual(
        shown().map(({ id }) => id),
        orderIds,
    );
});

test("a payment changes the order wherever the app shows it", async () => {
    const { charge, userErrors } = await pay(orderIds[0]);

    assert.deepEqual(userErrors, []);
    assert.equal(charge.state, "SUCCEEDED");
    await until(() => shown()[0].textContent === "PAID");
    assert.deepEqual(
        shown().map(({ textContent }) => textContent),
        ["PAID", ...Array(5).fill("UNPAID")],
    );
});

test("a payment from elsewhere arrives by itself, and changes what the app shows", async () => {
    const [, , orderId] = orderIds;
    const updates = [];
    const { dispose } = requestSubscription(environment, {
        subscription: orderUpdatedSubscription,
        variables: { id: orderId },
        onNext: ({ orderUpdated }) => updates.push(orderUpdated),
        onError: (error) => assert.fail(error),
    });
    await until(() => updates.length === 1);
    assert.deepEqual([updates[0].event, updates[0].order.state], [null, "OPEN"]);

    await pay(orderId, null, newEnvironment(customerToken));

    await until(() => updates.at(-1).order.state === "COMPLETED");
    await until(() => document.getElementById(orderId).textContent === "PAID");
    dispose();
});

test("a record is read again by its id", async () => {
    const { node, order } = await ask(orderByIdQuery, { id: orderIds[0] });

    assert.deepEqual(node, { __typename: "Order", id: orderIds[0], paymentState: "PAID" });
    assert.deepEqual(order, { id: orderIds[0], paymentState: "PAID" });
    assert.deepEqual(await ask(orderByIdQuery, { id: "ord_nobodys" }), { node: null, order: null });
});

test("a record that was read as part of a list needs no request of its own", () => {
    const isHere = (id) => environment.check(createOperationDescriptor(getRequest(orderByIdQuery), { id })).status;

    assert.equal(isHere(orderIds[1]), "available");
    assert.equal(isHere("ord_unseen"), "missing");
});

test("what the customer can mend is data: a user error", async () => {
    const { charge, userErrors } = await pay(orderIds[0]);

    assert.equal(charge, null);
    assert.deepEqual(
        userErrors.map(({ code, path }) => ({ code, path })),
        [{ code: "ORDER_ALREADY_PAID", path: ["orderId"] }],
    );
});

test("a decline is data too", async () => {
    const { charge, userErrors } = await pay(orderIds[1], await card("tok_chargeDeclinedInsufficientFunds"));

    assert.deepEqual(
        [charge.state, charge.declineCode, charge.advice],
        ["DECLINED", "INSUFFICIENT_FUNDS", "RETRY_LATER"],
    );
    assert.deepEqual(userErrors, []);
});

test("a union tells what the customer has to do", async () => {
    const { charge } = await pay(orderIds[1], await card("tok_threeDSecureRequired"));

    assert.equal(charge.state, "REQUIRES_ACTION");
    assert.equal(charge.nextAction.__typename, "RedirectAction");
    assert.equal(new URL(charge.nextAction.url).origin, new URL(url).origin);
});

test("a variable that does not fit is an error with a code", async () => {
    await assert.rejects(ask(ordersQuery, { first: "all" }), ({ source }) => {
        assert.equal(source.errors[0].extensions.code, "BAD_USER_INPUT");
        return true;
    });
});

test("what could be read comes with null for what could not", async () => {
    const { me, orders } = await ask(ordersQuery, { first: 500 });

    assert.match(me.id, /^cus_/);
    assert.equal(orders, null);
});

test("a token that is not good is an error that the app can tell from others", async () => {
    await assert.rejects(ask(ordersQuery, { first: 1 }, newEnvironment("not a token")), ({ source }) => {
        assert.equal(source.errors[0].extensions.code, "UNAUTHENTICATED");
        return true;
    });
});

test("nothing is left when the app ends", async () => {
    await act(() => screen.unmount());

    assert.equal(document.body.textContent, "");
    await window.happyDOM.close();
});

// --- the words of the story ---

const ask = (query, variables = {}, of = environment) => fetchQuery(of, query, variables).toPromise();

const shown = () => [...document.querySelectorAll("li")];

async function until(isSo) {
    for (let tries = 0; tries < 300 && !isSo(); tries += 1) {
        await act(() => new Promise((resolve) => setTimeout(resolve, 50)));
    }
    assert.ok(isSo(), document.body.textContent);
}

const commit = (mutation, variables, by = environment) =>
    new Promise((onCompleted, onError) => {
        commitMutation(by, { mutation, variables, onCompleted, onError });
    });

async function createOrder(quantity, connections = []) {
    const input = { lines: [{ priceId, quantity }], idempotencyKey: newKey() };
    return (await commit(createOrderMutation, { input, connections })).orderCreate;
}

async function pay(orderId, paymentMethodId, by = environment) {
    const input = { orderId, paymentMethodId, idempotencyKey: newKey() };
    return (await commit(payMutation, { input }, by)).orderCharge;
}

async function card(token) {
    const { paymentMethodAttach } = await commit(attachCardMutation, { input: { token } });
    assert.deepEqual(paymentMethodAttach.userErrors, []);
    return paymentMethodAttach.paymentMethod.id;
}
