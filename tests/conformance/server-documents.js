// What a shop's server asks, in plain text: graphql-ws and graphql-sse take it as it stands.

export const PRODUCTS = /* GraphQL */ `
    query Products { products(first: 2, sort: NAME) { nodes { name prices { nodes { id amount { minorUnits } } } } } }
`;

export const CREATE_CUSTOMER = /* GraphQL */ `
    mutation CreateCustomer($input: CustomerCreateWithPaymentMethodInput!) {
        customerCreateWithPaymentMethod(input: $input) { customer { id } userErrors { code message } }
    }
`;

export const CREATE_ORDER = /* GraphQL */ `
    mutation CreateOrder($input: OrderCreateInput!) {
        orderCreate(input: $input) { order { id } userErrors { code message } }
    }
`;

export const ORDERS_OF_CUSTOMER = /* GraphQL */ `
    query OrdersOfCustomer($id: ID!, $after: String) {
        customer(id: $id) { orders(first: 2, after: $after) { nodes { id } pageInfo { hasNextPage endCursor } } }
    }
`;

export const ATTACH_CARD = /* GraphQL */ `
    mutation AttachCard($input: PaymentMethodAttachInput!) {
        paymentMethodAttach(input: $input) { paymentMethod { id } userErrors { code message } }
    }
`;

export const PAY = /* GraphQL */ `
    mutation Pay($input: OrderChargeInput!) {
        orderCharge(input: $input) { charge { state declineCode } userErrors { code message path } }
    }
`;

export const ORDER_UPDATED = /* GraphQL */ `
    subscription OrderUpdated($id: ID!, $after: String) {
        orderUpdated(id: $id, after: $after) {
            order { state paymentState }
            event { id kind }
            cursor
        }
    }
`;

export const TIMELINE = /* GraphQL */ `
    query Timeline($id: ID!) { order(id: $id) { timeline(sort: OLDEST) { nodes { id } } } }
`;
