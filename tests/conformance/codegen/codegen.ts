import type { CodegenConfig } from "@graphql-codegen/cli";

const config: CodegenConfig = {
    schema: "../../schema/schema.graphql",
    documents: ["codegen/*.ts"],
    generates: {
        "codegen/__generated__/": {
            preset: "client",
            presetConfig: { persistedDocuments: { hashAlgorithm: "sha256" } },
            config: {
                documentMode: "string",
                strictScalars: true,
                scalars: {
                    Currency: "string",
                    DateTime: "string",
                    Metadata: "Record<string, string>",
                    MinorUnits: "number",
                    URL: "string",
                },
                importExtension: ".js",
                useTypeImports: true,
                enumType: "string-literal",
                futureProofEnums: true,
                futureProofUnions: true,
            },
        },
    },
};

export default config;
