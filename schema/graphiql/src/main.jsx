import "graphiql/setup-workers/vite";
import "graphiql/style.css";
import "./page.css";

import { DOC_EXPLORER_PLUGIN } from "@graphiql/plugin-doc-explorer";
import { GraphiQL } from "graphiql";
import { createRoot } from "react-dom/client";

import { createFetcher } from "./fetcher.js";

// The gateway writes this block into the page; a policy without inline scripts lets data through.
const { endpoint, token, tabs } = JSON.parse(document.getElementById("paydesk-settings").textContent);

// GraphiQL restores its tabs by itself, but shows the open one without variables unless it is told them.
const open = rememberedTab() ?? tabs[0];

createRoot(document.getElementById("graphiql")).render(
  <GraphiQL
    fetcher={createFetcher({ endpoint, token })}
    defaultTabs={tabs}
    initialQuery={open.query ?? ""}
    initialVariables={open.variables ?? ""}
    visiblePlugin={DOC_EXPLORER_PLUGIN}
    schemaDescription
    defaultEditorToolsVisibility="variables"
    // Headers may hold a key that moves money: they are never written to the browser's storage.
    shouldPersistHeaders={false}
    showPersistHeadersSettings={false}
  >
    <GraphiQL.Logo>Paydesk</GraphiQL.Logo>
  </GraphiQL>,
);

function rememberedTab() {
  try {
    const { tabs, activeTabIndex } = JSON.parse(localStorage.getItem("graphiql:tabState"));
    return tabs[activeTabIndex];
  } catch {
    return undefined; // the first visit, or a browser that stores nothing
  }
}
