import { create } from "braintree-web-drop-in";

import { askedByTheBank } from "./bank-of-braintree";
import type { CardForm, Session } from "./card-form";

/** Braintree's Drop-in, with cards alone. */
export async function braintreeDropIn(place: HTMLElement, session: Session): Promise<CardForm> {
  const dropIn = await create({ authorization: session.secret, container: place });

  return {
    async token() {
      return (await dropIn.requestPaymentMethod()).nonce;
    },

    async confirm({ clientSecret, token, cardBin }, amount) {
      if (!token || !cardBin) throw new Error("Pay with a card that is stored.");
      return askedByTheBank(clientSecret, { nonce: token, bin: cardBin }, amount);
    },
  };
}
