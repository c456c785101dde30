/**
 * Lets one tab use what another was answered, so nobody copies ids by hand.
 *
 * A variable like "<orderCreate.order.id>" is replaced by that value of the latest answer with such a field. It may
 * stand inside a longer text: "pay-<orderCreate.order.id>" gives one idempotency key for one order.
 */
const reference = /<([A-Za-z_]\w*(?:\.\w+)+)>/g;

export function createMemory() {
  const answers = {};

  return {
    keep(data) {
      for (const [field, value] of Object.entries(data ?? {})) {
        if (value !== null) {
          answers[field] = value;
        }
      }
    },
    fill: (variables) => fill(variables, answers),
  };
}

function fill(value, answers) {
  if (typeof value === "string") {
    return value.replace(reference, (_, path) => look(path, answers));
  }
  if (Array.isArray(value)) {
    return value.map((item) => fill(item, answers));
  }
  if (value !== null && typeof value === "object") {
    return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, fill(item, answers)]));
  }
  return value;
}

function look(path, answers) {
  const found = path.split(".").reduce((value, name) => value?.[name], answers);
  if (found === undefined || found === null) {
    throw new Error(`Nothing was answered for ${path} yet: run the tab with ${path.split(".")[0]} first.`);
  }
  return found;
}
