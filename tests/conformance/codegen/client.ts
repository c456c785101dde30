// All that a program needs to ask with typed documents: fetch.
import type { TypedDocumentString } from "./__generated__/graphql.js";

export interface RequestError {
    message: string;
    path?: (string | number)[];
    extensions?: { code?: string; requestId?: string };
}

export class GraphQLRequestError extends Error {
    constructor(
        readonly status: number,
        readonly errors: RequestError[],
    ) {
        super(errors.map(({ message }) => message).join("\n"));
    }
}

export class Client {
    constructor(
        private readonly url: string,
        private readonly credential: string,
    ) {}

    async ask<Result, Variables>(document: TypedDocumentString<Result, Variables>, variables: Variables): Promise<Result> {
        const response = await fetch(this.url, {
            method: "POST",
            headers: {
                Accept: "application/graphql-response+json",
                Authorization: `Bearer ${this.credential}`,
                "Content-Type": "application/json",
            },
            body: JSON.stringify({ query: document.toString(), variables }),
        });
        const { data, errors } = (await response.json()) as { data?: Result; errors?: RequestError[] };
        if (errors || !data) {
            throw new GraphQLRequestError(response.status, errors ?? []);
        }
        return data;
    }
}
