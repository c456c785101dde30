import { defineConfig } from "vite";

// The page and the gateway under one address, as a deployment would have them.
export default defineConfig({
  server: {
    proxy: {
      "/graphql": { target: process.env.PAYDESK ?? "http://127.0.0.1:8000", changeOrigin: true, ws: true },
    },
  },
});
