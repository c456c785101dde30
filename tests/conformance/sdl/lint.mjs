// Lints the SDL whose path it is given. Prints what breaks a rule, and the exemptions that nothing needs, as JSON.
import { readFile } from "node:fs/promises";
import { resolve } from "node:path";

import plugin from "@graphql-eslint/eslint-plugin";
import { ESLint } from "eslint";

import { EXEMPTIONS, RULES } from "./rules.mjs";

const path = resolve(process.argv[2]);
const sdl = await readFile(path, "utf8");

const eslint = new ESLint({
  cwd: import.meta.dirname,
  overrideConfigFile: true,
  overrideConfig: [
    {
      files: ["**/*.graphql"],
      languageOptions: { parser: plugin.parser, parserOptions: { graphQLConfig: { schema: path } } },
      linterOptions: { noInlineConfig: true },
      plugins: { "@graphql-eslint": plugin },
      rules: RULES,
    },
  ],
});
const [{ messages }] = await eslint.lintText(sdl, { filePath: "schema.graphql" });

const covers = ({ rule, message }, found) =>
  found.ruleId === `@graphql-eslint/${rule}` &&
  (message instanceof RegExp ? message.test(found.message) : found.message.startsWith(message));

const broken = messages.filter((found) => !EXEMPTIONS.some((exemption) => covers(exemption, found)));
const needless = EXEMPTIONS.filter((exemption) => !messages.some((found) => covers(exemption, found)));

console.log(
  JSON.stringify({
    broken: broken.map(({ line, ruleId, message }) => `line ${line}: ${message} (${ruleId})`),
    needless: needless.map(({ rule, message }) => `${rule}: ${message}`),
  }),
);
