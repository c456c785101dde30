import { ask, done } from "./gateway";
import { GoOnDocument, MakeOrderDocument, PayDocument, type WhatBecameOfItFragment } from "./gql/graphql";

/** One wish, one key: made when the button is pressed, and the same in every repetition. */
export async function order(priceId: string): Promise<string> {
  const { orderCreate } = await ask(MakeOrderDocument, { priceId, key: crypto.randomUUID() });
  return done(orderCreate).order!.id;
}

/** With a `returnUrl` the customer is sent to the bank; without, the provider's own script lets it ask in the page. */
export async function pay(orderId: string, { inThePage }: { inThePage: boolean }): Promise<WhatBecameOfItFragment> {
  const returnUrl = inThePage ? undefined : location.origin + location.pathname;
  const { orderCharge } = await ask(PayDocument, { orderId, returnUrl, key: crypto.randomUUID() });
  return done(orderCharge).charge!;
}

/** The customer is back from the bank. What the address says is no proof; the gateway knows. */
export async function goOn(chargeId: string, token?: string): Promise<WhatBecameOfItFragment> {
  const key = token ? crypto.randomUUID() : `back-${chargeId}`; // each token is another wish
  const { chargeContinue } = await ask(GoOnDocument, { chargeId, token, key });
  return done(chargeContinue).charge!;
}

/** What the customer reads. */
export function inWords(charge: WhatBecameOfItFragment): string {
  switch (charge.state) {
    case "SUCCEEDED":
      return `Thank you. ${charge.captured.formatted} were paid.`;
    case "DECLINED":
    case "FAILED":
      return charge.message ?? "The payment did not go through.";
    case "REQUIRES_ACTION":
      return "Your bank asks you to confirm the payment.";
    case "VOIDED":
    case "EXPIRED":
      return "The payment was not made.";
    default: // PENDING, UNKNOWN, AUTHORIZED, and whatever a later version adds
      return "Your payment is being processed. You need not pay again.";
  }
}
