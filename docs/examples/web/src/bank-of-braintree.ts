import { create } from "braintree-web/three-d-secure";

/** A card that Braintree knows by a nonce, and the first digits of its number. */
export interface Card {
  nonce: string;
  bin: string;
}

/** Lets the customer's bank ask in the page, where it wants to. What it says is in the nonce that comes back. */
export async function askedByTheBank(clientToken: string, { nonce, bin }: Card, amount: string): Promise<string> {
  const threeDSecure = await create({ authorization: clientToken, version: 2 });
  try {
    const asked = await threeDSecure.verifyCard({
      nonce,
      bin,
      amount,
      collectDeviceData: true,
      onLookupComplete: (_, next) => next(),
    });
    return asked.nonce;
  } finally {
    await threeDSecure.teardown();
  }
}
