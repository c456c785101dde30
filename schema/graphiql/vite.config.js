import { defineConfig } from "vite";

// There is no index.html: the gateway writes the page, since only it knows the endpoint and the token. The manifest
// tells it the hashed names of the files (schema/graphiql/__init__.py).
export default defineConfig({
  // Addresses are relative to the module itself, so the assets work wherever the gateway mounts them.
  base: "./",
  publicDir: false,
  logLevel: "warn",
  build: {
    outDir: "assets",
    assetsDir: "",
    emptyOutDir: true,
    manifest: "manifest.json",
    // The bundle carries other people's code into our wheel, so it carries their licences too.
    license: { fileName: "LICENSES.md" },
    // The page's policy has no room for inline code, and a file is cached.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    // Monaco is large and comes from our own host; the warning would be there for ever.
    chunkSizeWarningLimit: 8192,
    rolldownOptions: {
      input: "src/main.jsx",
      // Libraries mark code for server components, which nothing here has.
      onLog: (level, log, report) => log.code === "MODULE_LEVEL_DIRECTIVE" || report(level, log),
    },
  },
  worker: { format: "es" },
});
