import { loadStripe } from "@stripe/stripe-js/pure";

import type { CardForm, Session } from "./card-form";

/** Stripe's Payment Element, over the SetupIntent of the client session. */
export async function stripeCardForm(place: HTMLElement, session: Session): Promise<CardForm> {
  const stripe = await loadStripe(session.publishableKey!);
  if (!stripe) throw new Error("Stripe.js runs in browsers alone.");
  const elements = stripe.elements({ clientSecret: session.secret });
  elements.create("payment").mount(place);

  return {
    async token() {
      const { setupIntent, error } = await stripe.confirmSetup({
        elements,
        redirect: "if_required",
        confirmParams: { return_url: location.href },
      });
      if (error) throw new Error(error.message);
      return setupIntent.id;
    },

    async confirm({ clientSecret }) {
      // Whatever comes of it, the gateway is asked next: it learns from Stripe, and not from the page.
      await stripe.handleNextAction({ clientSecret });
      return undefined;
    },
  };
}
