import type { CodegenConfig } from "@graphql-codegen/cli";

const config: CodegenConfig = {
  schema: `${process.env.PAYDESK ?? "http://127.0.0.1:8000"}/graphql`,
  documents: "../*.graphql",
  generates: {
    "src/gql/": {
      preset: "client",
      presetConfig: { fragmentMasking: false },
      config: {
        documentMode: "string",
        enumType: "string-literal",
        useTypeImports: true,
        defaultScalarType: "unknown",
        scalars: { URL: "string", DateTime: "string", Currency: "string" },
      },
    },
  },
};

export default config;
