// What Relay is given: how to ask, and where to keep what was read.
import { Environment, Network, RecordSource, Store } from "relay-runtime";

import { url } from "../story.js";

export const newEnvironment = (token) =>
    new Environment({
        network: Network.create(fetchFrom(token)),
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

/** `order(id:)`, `charge(id:)` and their like find a record that another query has read. */
function recordById(field, record, args) {
    return record?.getType() === "__Root" && args.id ? args.id : undefined;
}
