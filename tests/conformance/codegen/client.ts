// All that a program needs to ask with typed documents: fetch, and graphql-sse for what goes on.
import { type Client as EventStreams, createClient } from "graphql-sse";

import type { TypedDocumentString } from "./__generated__/graphql.js";

export interface RequestError {
    message: string;
    path?: readonly (string | number)[] | undefined;
    extensions?: { code?: string; requestId?: string };
}

export class GraphQLRequestError extends Error {
    constructor(
        readonly status: number,
        readonly errors: readonly RequestError[],
    ) {
        super(errors.map(({ message }) => message).join("\n"));
    }
}

export class Client {
    private readonly streams: EventStreams;

    constructor(
        private readonly url: string,
        private readonly credential: string,
        private readonly asksById = false,
    ) {
        this.streams = createClient({ url, headers: { Authorization: `Bearer ${credential}` } });
    }

    async *follow<Result, Variables>(
        document: TypedDocumentString<Result, Variables>,
        variables: Variables & Record<string, unknown>,
    ): AsyncGenerator<Result> {
        for await (const { data, errors } of this.streams.iterate<Result>(this.request(document, variables))) {
            if (errors || !data) {
                throw new GraphQLRequestError(200, (errors ?? []) as readonly RequestError[]);
            }
            yield data;
        }
    }

    async ask<Result, Variables>(document: TypedDocumentString<Result, Variables>, variables: Variables): Promise<Result> {
        const response = await fetch(this.url, {
            method: "POST",
            headers: {
                Accept: "application/graphql-response+json",
                Authorization: `Bearer ${this.credential}`,
                "Content-Type": "application/json",
            },
            body: JSON.stringify(this.request(document, variables)),
        });
        const { data, errors } = (await response.json()) as { data?: Result; errors?: RequestError[] };
        if (errors || !data) {
            throw new GraphQLRequestError(response.status, errors ?? []);
        }
        return data;
    }

    /** The document's text, or the id of a trusted document: then no others have to be allowed. */
    private request<Variables>(document: TypedDocumentString<unknown, Variables>, variables: Variables) {
        const text = this.asksById
            ? { documentId: document.__meta__?.["hash"] }
            : { query: document.toString() };
        return { ...text, variables } as { query: string; variables: Variables & Record<string, unknown> };
    }
}
