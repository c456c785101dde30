import { fakeCardForm } from "./card-form-of-fake";
import { stripeCardForm } from "./card-form-of-stripe";
import { ask, done } from "./gateway";
import {
  AddCardDocument,
  OpenCardFormDocument,
  type OpenCardFormMutation,
  type WhatBecameOfItFragment,
} from "./gql/graphql";

export type Session = NonNullable<NonNullable<OpenCardFormMutation["clientSessionCreate"]>["clientSession"]>;
export type Question = Extract<NonNullable<WhatBecameOfItFragment["nextAction"]>, { __typename: "SdkAction" }>;

export interface CardForm {
  /** Hands the card to the provider, never to Paydesk, and returns what the provider calls it. */
  token(): Promise<string>;
  /** Lets the bank ask in the page, where the provider has a way to. Some providers give a token for going on. */
  confirm?(question: Question, amount: string): Promise<string | undefined>;
}

const FORMS: Record<string, (place: HTMLElement, session: Session) => Promise<CardForm>> = {
  fake: fakeCardForm,
  stripe: stripeCardForm,
  braintree: async (place, session) => (await import("./card-form-of-braintree")).braintreeCardForm(place, session),
};

/** The card form of whichever provider the gateway uses. It reads one card: open another for the next. */
export async function openCardForm(place: HTMLElement): Promise<CardForm> {
  const { clientSessionCreate } = await ask(OpenCardFormDocument, {});
  const { provider, clientSession } = done(clientSessionCreate);
  const open = FORMS[provider!];
  if (!open) throw new Error(`Here belongs the card form of ${provider}.`);
  place.replaceChildren();
  return open(place, clientSession!);
}

export async function addCard(token: string): Promise<void> {
  const { paymentMethodAttach } = await ask(AddCardDocument, { token });
  const { paymentMethod } = done(paymentMethodAttach);
  if (paymentMethod?.state === "FAILED") throw new Error(paymentMethod.message ?? "The card was refused.");
}
