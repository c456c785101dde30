import { createClient } from "graphql-ws";

import { token } from "./gateway";
import { WatchDocument, type WatchSubscription } from "./gql/graphql";

const client = createClient({
  url: `${location.origin.replace("http", "ws")}/graphql`,
  connectionParams: () => ({ Authorization: `Bearer ${token}` }),
  retryAttempts: Infinity,
});

/** Calls `show` with the order's payment state now, and again whenever it changes, whoever changes it. */
export function watch(orderId: string, show: (paymentState: string) => void): () => void {
  return client.subscribe<WatchSubscription>(
    { query: WatchDocument.toString(), variables: { orderId } },
    {
      next: ({ data }) => {
        const state = data?.orderUpdated?.order?.paymentState;
        if (state) show(state);
      },
      error: (reason) => console.error("The live updates ended.", reason),
      complete: () => {},
    },
  );
}
