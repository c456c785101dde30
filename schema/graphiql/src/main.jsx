import "graphiql/setup-workers/vite";
import "graphiql/style.css";
import "./page.css";

import { DOC_EXPLORER_PLUGIN } from "@graphiql/plugin-doc-explorer";
import { GraphiQL } from "graphiql";
import { createRoot } from "react-dom/client";

import { createFetcher } from "./fetcher.js";

// The gateway writes this block into the page; a policy without inline scripts lets data through.
const { endpoint, token, tabs } = JSON.parse(document.getElementById("paydesk-settings").textContent);

createRoot(document.getElementById("graphiql")).render(
  <GraphiQL
    fetcher={createFetcher({ endpoint, token })}
    defaultTabs={tabs}
    visiblePlugin={DOC_EXPLORER_PLUGIN}
    // Headers may hold a key that moves money: they are never written to the browser's storage.
    shouldPersistHeaders={false}
    showPersistHeadersSettings={false}
  >
    <GraphiQL.Logo>Paydesk</GraphiQL.Logo>
  </GraphiQL>,
);
