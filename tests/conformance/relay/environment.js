// What Relay is given: how to ask, and where to keep what was read.
import { createClient } from "graphql-ws";
import { Environment, Network, Observable, RecordSource, Store } from "relay-runtime";
import WebSocket from "ws";

import { url, wsUrl } from "../story.js";

export const newEnvironment = (token) =>
    new Environment({
        network: Network.create(fetchFrom(token), subscribeFrom(token)),
        store: new Store(new RecordSource()),
        missingFieldHandlers: [{ kind: "linked", handle: recordById }],
    });

const fetchFrom =
    (token) =>
    async ({ text }, variables) => {
        const response = await fetch(url, {
            method: "POST",
            headers: {
                Accept: "application/graphql-response+json",
                Authorization: `Bearer ${token}`,
                "Content-Type": "application/json",
            },
            body: JSON.stringify({ query: text, variables }),
        });
        return response.json(); // whatever the status is: errors have codes of their own
    };

const subscribeFrom = (token) => {
    const socket = createClient({
        url: wsUrl,
        webSocketImpl: WebSocket, // browsers have one of their own
        connectionParams: { Authorization: `Bearer ${token}` },
    });
    return ({ text }, variables) => Observable.create((sink) => socket.subscribe({ query: text, variables }, sink));
};

/** `order(id:)`, `charge(id:)` and their like find a record that another query has read. */
function recordById(field, record, args) {
    return record?.getType() === "__Root" && args.id ? args.id : undefined;
}
