import type { CardForm, Session } from "./card-form";

/** Stands for a provider's card form: the number goes to the fake provider, and a token of it comes back. */
export async function fakeCardForm(place: HTMLElement, session: Session): Promise<CardForm> {
  const label = place.appendChild(document.createElement("label"));
  const number = document.createElement("input");
  number.value = "4242 4242 4242 4242";
  label.append("Card number ", number);

  return {
    async token() {
      const response = await fetch(session.tokenizerUrl!, {
        method: "POST",
        headers: { "Content-Type": "application/json" },
        body: JSON.stringify({ number: number.value, expMonth: 12, expYear: new Date().getFullYear() + 3, cvc: "123" }),
      });
      const answer: { token?: string; error?: { message: string } } = await response.json();
      if (!answer.token) throw new Error(answer.error?.message);
      return answer.token;
    },
  };
}
