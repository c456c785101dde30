import { loadStripe } from "@stripe/stripe-js/pure";

import { ask, done } from "./gateway";
import { PayWithNewCardDocument, type WhatBecameOfItFragment } from "./gql/graphql";

/** A form for a card that is charged before it is stored, or once without being stored. */
export async function newCardForm(
  place: HTMLElement,
  publishableKey: string,
  { store, ...price }: { amount: number; currency: string; store: boolean },
) {
  const stripe = await loadStripe(publishableKey);
  if (!stripe) throw new Error("Stripe.js runs in browsers alone.");
  const elements = stripe.elements({
    mode: "payment",
    ...price, // in Stripe's units, and the currency in lower case: what wallets show
    paymentMethodCreation: "manual",
    allowedPaymentMethodTypes: ["card"],
    setupFutureUsage: store ? "off_session" : null, // shows the terms that the customer agrees to
  });
  elements.create("payment").mount(place);

  return {
    async pay(orderId: string, key: string): Promise<WhatBecameOfItFragment> {
      const checked = await elements.submit();
      if (checked.error) throw new Error(checked.error.message);
      const { paymentMethod, error } = await stripe.createPaymentMethod({ elements });
      if (error) throw new Error(error.message);

      const card = { token: paymentMethod.id, store };
      const { orderCharge } = await ask(PayWithNewCardDocument, { orderId, card, key });
      return done(orderCharge).charge!;
    },
  };
}
