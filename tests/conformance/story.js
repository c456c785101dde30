// What a story is told by whoever runs it, and a few words that all of them use.
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";

export const url = told("PAYDESK_URL");
export const wsUrl = told("PAYDESK_WS_URL");
export const adminKey = told("PAYDESK_ADMIN_KEY");
export const customerToken = told("PAYDESK_CUSTOMER_TOKEN");

/** One for each wish, and the same one for every retry of it. */
export const newKey = () => randomUUID();

/** Waits for half a minute at most. */
export async function until(isSo) {
    for (let tries = 0; tries < 600 && !isSo(); tries += 1) {
        await sleep(50);
    }
    assert.ok(isSo());
}

function told(name) {
    const value = process.env[name];
    if (!value) {
        throw new Error(`${name} is not set: run \`make conformance\``);
    }
    return value;
}
