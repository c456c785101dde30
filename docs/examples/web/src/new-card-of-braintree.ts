import { askedByTheBank } from "./bank-of-braintree";
import type { Session } from "./card-form";
import { openFields } from "./card-form-of-braintree";
import { goOn } from "./checkout";
import { ask, done } from "./gateway";
import { PayWithNewCardDocument, type WhatBecameOfItFragment } from "./gql/graphql";

/** A form for a card that is charged before it is stored, or once without being stored. */
export async function newCardForm(place: HTMLElement, { secret }: Session, { store }: { store: boolean }) {
  const read = await openFields(place, secret);

  return {
    /** With an `amount` such as `14.50` the bank is asked before the payment, and else when it wants to be. */
    async pay(orderId: string, key: string, amount?: string): Promise<WhatBecameOfItFragment> {
      const card = await read();
      const token = amount ? await askedByTheBank(secret, card, amount) : card.nonce;
      const { orderCharge } = await ask(PayWithNewCardDocument, { orderId, card: { token, store }, key });
      const charge = done(orderCharge).charge!;
      if (charge.nextAction?.__typename !== "SdkAction") return charge;

      const { clientSecret } = charge.nextAction;
      return goOn(charge.id, await askedByTheBank(clientSecret, await read(), charge.amount.decimal));
    },
  };
}
