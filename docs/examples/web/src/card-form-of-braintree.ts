import { create } from "braintree-web/hosted-fields";

import { askedByTheBank, type Card } from "./bank-of-braintree";
import type { CardForm, Session } from "./card-form";

/** Braintree's Hosted Fields, over the client token of the session. */
export async function braintreeCardForm(place: HTMLElement, session: Session): Promise<CardForm> {
  const read = await openFields(place, session.secret);

  return {
    async token() {
      return (await read()).nonce;
    },

    async confirm({ clientSecret, token, cardBin }, amount) {
      // A card that is stored comes with the question. One that is charged for the first time is still in the form.
      const card = token && cardBin ? { nonce: token, bin: cardBin } : await read();
      return askedByTheBank(clientSecret, card, amount);
    },
  };
}

/** Three fields, each in a frame of Braintree's. What is returned reads the card, as often as it is asked. */
export async function openFields(place: HTMLElement, clientToken: string): Promise<() => Promise<Card>> {
  const fields = await create({
    authorization: clientToken,
    fields: {
      number: { container: field(place, "Card number") },
      expirationDate: { container: field(place, "Expiry date"), placeholder: "MM/YY" },
      cvv: { container: field(place, "Security code") },
    },
  });
  return async () => {
    const { nonce, details } = await fields.tokenize();
    return { nonce, bin: details.bin };
  };
}

function field(place: HTMLElement, name: string): HTMLElement {
  const label = place.appendChild(document.createElement("label"));
  const frame = document.createElement("div");
  frame.style.height = "2em"; // it would take all the height that there is
  label.append(name, frame);
  return frame;
}
