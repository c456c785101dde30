import { addCard } from "./card-form";
import { goOn, inWords, order, pay } from "./checkout";
import { ask } from "./gateway";
import { CatalogueDocument, type WhatBecameOfItFragment } from "./gql/graphql";
import { watch } from "./watch";

const form = document.querySelector("form")!;
const status = document.querySelector("[role=status]")!;
const live = document.querySelector("#order")!;

function show(charge: WhatBecameOfItFragment): void {
  if (charge.nextAction?.__typename === "RedirectAction") {
    location.assign(charge.nextAction.url);
    return;
  }
  status.textContent = inWords(charge);
  if (charge.order) watch(charge.order.id, (paymentState) => (live.textContent = paymentState));
}

async function fill(): Promise<void> {
  const { products } = await ask(CatalogueDocument, {});
  for (const { name, prices } of products?.nodes ?? []) {
    for (const { id, amount } of prices.nodes) {
      form.price.append(new Option(`${name}, ${amount.formatted}`, id));
    }
  }
}

function trying(work: () => Promise<void>): void {
  work().catch((error: Error) => (status.textContent = error.message));
}

form.addEventListener("submit", (event) => {
  event.preventDefault();
  trying(async () => {
    status.textContent = "One moment …";
    await addCard(form.number.value);
    show(await pay(await order(form.price.value)));
  });
});

const chargeId = new URLSearchParams(location.search).get("charge");
trying(fill);
if (chargeId) trying(async () => show(await goOn(chargeId)));
