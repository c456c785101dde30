import { addCard, openCardForm } from "./card-form";
import { goOn, inWords, order, pay } from "./checkout";
import { ask } from "./gateway";
import { CatalogueDocument, type WhatBecameOfItFragment } from "./gql/graphql";
import { watch } from "./watch";

const form = document.querySelector("form")!;
const place = document.querySelector<HTMLElement>("#card")!;
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

async function buy(priceId: string): Promise<void> {
  status.textContent = "One moment …";
  const card = await cardForm;
  const token = await card.token();
  cardForm = openCardForm(place);
  await addCard(token);

  const charge = await pay(await order(priceId), { inThePage: card.confirm !== undefined });
  if (card.confirm && charge.nextAction?.__typename === "SdkAction") {
    const token = await card.confirm(charge.nextAction, charge.amount.decimal);
    show(await goOn(charge.id, token));
  } else {
    show(charge);
  }
}

function trying(work: () => Promise<unknown>): void {
  work().catch((error: Error) => (status.textContent = error.message));
}

form.addEventListener("submit", (event) => {
  event.preventDefault();
  trying(() => buy(form.price.value));
});

let cardForm = openCardForm(place);
trying(() => cardForm);
trying(fill);
const chargeId = new URLSearchParams(location.search).get("charge");
if (chargeId) trying(async () => show(await goOn(chargeId)));
