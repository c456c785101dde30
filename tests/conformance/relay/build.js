// Compiles the documents of the app with relay-compiler, and bundles it as a shop's bundler would: node relay/build.js
import { execFileSync } from "node:child_process";
import { createRequire } from "node:module";
import { mkdirSync } from "node:fs";
import { fileURLToPath } from "node:url";

import babel from "@babel/core";
import { build } from "esbuild";

const here = fileURLToPath(new URL(".", import.meta.url));
const require = createRequire(import.meta.url);

mkdirSync(`${here}/__generated__`, { recursive: true });
execFileSync(process.execPath, [require.resolve("relay-compiler/cli.js"), "relay.config.json"], {
    cwd: here,
    stdio: "inherit",
});

const relayTags = {
    name: "relay",
    setup: ({ onLoad }) =>
        onLoad({ filter: /relay\/\w+\.jsx?$/ }, async ({ path }) => {
            const { code } = await babel.transformFileAsync(path, {
                babelrc: false,
                configFile: false,
                parserOpts: { plugins: ["jsx"] },
                plugins: [["babel-plugin-relay", { eagerEsModules: true, artifactDirectory: `${here}/__generated__` }]],
            });
            return { contents: code, loader: "jsx" };
        }),
};

await build({
    entryPoints: [`${here}/story.jsx`],
    outfile: `${here}/__generated__/story.js`,
    bundle: true,
    format: "esm",
    platform: "node",
    packages: "external",
    jsx: "automatic",
    logLevel: "warning",
    plugins: [relayTags],
});
