// Runs the server audits of npm's `graphql-http` against $PAYDESK_URL and prints what each of them found, as JSON.
import { serverAudits } from 'graphql-http';

const found = [];
for (const audit of serverAudits({ url: process.env.PAYDESK_URL, fetchFn: fetch })) {
  const result = await audit.fn();
  found.push({ id: audit.id, name: audit.name, status: result.status, reason: result.reason ?? null });
}
console.log(JSON.stringify(found));
