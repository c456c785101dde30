import { getOperationAST, Kind, parse } from "graphql";
import { createClient } from "graphql-ws";

import { createMemory } from "./memory.js";

/**
 * Sends what the editors hold: queries and mutations over HTTP, subscriptions over graphql-transport-ws.
 *
 * The token is the page's own (development only). It is added here and not to the headers editor, so a page that
 * is loaded again works with a fresh one, whatever the tabs remember; a header written in the editor wins.
 */
export function createFetcher({ endpoint, token }) {
  const url = new URL(endpoint, window.location.href);
  const memory = createMemory();
  let headers = new Headers();

  const socket = createClient({
    url: Object.assign(new URL(url), { protocol: url.protocol.replace("http", "ws") }).href,
    // Asked for when a socket opens: a browser cannot send headers with it.
    connectionParams: () => (headers.has("Authorization") ? { Authorization: headers.get("Authorization") } : {}),
    retryAttempts: 0,
  });

  return async (params, { headers: written } = {}) => {
    headers = new Headers(token ? { Authorization: `Bearer ${token}` } : {});
    for (const [name, value] of Object.entries(written ?? {})) {
      headers.set(name, value);
    }
    const operation = chosenOperation(params);
    const request = {
      ...params,
      operationName: operation?.name?.value ?? params.operationName,
      variables: memory.fill(params.variables),
    };

    if (operation?.operation === "subscription") {
      return socket.iterate(request);
    }
    const answer = await post(url, request, headers);
    memory.keep(answer.data);
    return answer;
  };
}

/**
 * The operation that is meant. Read from the text itself: for a moment after a change of tabs GraphiQL still gives
 * the name of the other tab's operation, and running then would answer "Unknown operation".
 */
function chosenOperation({ query, operationName }) {
  let document;
  try {
    document = parse(query);
  } catch {
    return undefined; // the gateway says what is wrong with it
  }
  const operations = document.definitions.filter(({ kind }) => kind === Kind.OPERATION_DEFINITION);
  return operations.length === 1 ? operations[0] : getOperationAST(document, operationName);
}

async function post(url, request, headers) {
  const response = await fetch(url, {
    method: "POST",
    body: JSON.stringify(request),
    headers: new Headers([
      ["Accept", "application/graphql-response+json, application/json;q=0.9"],
      ["Content-Type", "application/json"],
      ...headers,
    ]),
  });
  return response.json();
}
