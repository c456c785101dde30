// The schema as it is committed, for clients that want to know it.
import { readFileSync } from "node:fs";

import { buildSchema } from "graphql";

export const schema = buildSchema(
    readFileSync(new URL("../../schema/schema.graphql", import.meta.url), "utf8"),
);
