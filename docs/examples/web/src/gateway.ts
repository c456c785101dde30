import type { TypedDocumentString } from "./gql/graphql";

export const token: string = import.meta.env.VITE_TOKEN; // in your app: what the identity provider gives to who signed in

/** Sends one operation, and sends it again when the connection breaks: that is what idempotency keys are for. */
export async function ask<Answer, Variables>(
  document: TypedDocumentString<Answer, Variables>,
  variables: Variables,
  triesLeft = 3,
): Promise<Answer> {
  let response: Response;
  try {
    response = await fetch("/graphql", {
      method: "POST",
      headers: {
        "Content-Type": "application/json",
        Accept: "application/graphql-response+json",
        Authorization: `Bearer ${token}`,
      },
      body: JSON.stringify({ query: document.toString(), variables }),
    });
  } catch (broken) {
    if (triesLeft <= 1) throw broken;
    await new Promise((resolve) => setTimeout(resolve, 1000));
    return ask(document, variables, triesLeft - 1);
  }
  const answer: { data?: Answer; errors?: { message: string }[] } = await response.json();
  if (!answer.data || answer.errors) throw new Error(answer.errors?.[0]?.message ?? "There is no answer.");
  return answer.data;
}

/** The changed record, or what the customer did wrong. */
export function done<Payload extends { userErrors: { message: string }[] }>(payload: Payload | null): Payload {
  if (!payload || payload.userErrors.length) throw new Error(payload?.userErrors[0]?.message);
  return payload;
}
