import { ask, done } from "./gateway";
import { AddCardDocument, OpenCardFormDocument } from "./gql/graphql";

/**
 * Stands for the provider's card form: the number goes to the provider, a token of it comes back, and only the token
 * goes to Paydesk.
 */
export async function addCard(number: string): Promise<void> {
  const { clientSessionCreate } = await ask(OpenCardFormDocument, {});
  const { provider, clientSession } = done(clientSessionCreate);
  if (!clientSession?.tokenizerUrl) throw new Error(`Here belongs the card form of ${provider}.`);

  const response = await fetch(clientSession.tokenizerUrl, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ number, expMonth: 12, expYear: new Date().getFullYear() + 3, cvc: "123" }),
  });
  const answer: { token?: string; error?: { message: string } } = await response.json();
  if (!answer.token) throw new Error(answer.error?.message);

  const { paymentMethodAttach } = await ask(AddCardDocument, { token: answer.token });
  done(paymentMethodAttach);
}
