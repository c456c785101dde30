// What the schema is held to: two presets of graphql-eslint, and what it can check of our own conventions.
// Where a rule is not for us, this is the one place that says so, and why. An exemption that nothing needs any more fails.
import plugin from "@graphql-eslint/eslint-plugin";

const OWN = {
  "@graphql-eslint/input-name": ["error", { checkInputType: true, caseSensitiveInputType: false }],
  "@graphql-eslint/no-scalar-result-type-on-mutation": "error",
  "@graphql-eslint/require-description": [
    "error",
    {
      types: true,
      rootField: true,
      DirectiveDefinition: true,
      EnumValueDefinition: true,
      FieldDefinition: true,
      InputValueDefinition: true,
    },
  ],
  "@graphql-eslint/require-nullable-fields-with-oneof": "error",
  "@graphql-eslint/require-nullable-result-in-root": "error",
};

export const RULES = {
  ...plugin.configs["flat/schema-recommended"].rules,
  ...plugin.configs["flat/schema-relay"].rules,
  ...OWN,
};

const withoutId = (name) => `type "${name}" must have exactly one non-nullable unique identifier.`;

/** Each covers the messages of one rule that begin with `message`. */
export const EXEMPTIONS = [
  {
    // The rule allows lists of edges alone. Ours are connections wherever records are listed (tests/schema/test_sdl.py
    // holds that), and a connection has `nodes` too: the field's own shortcut for clients that page by `pageInfo`, as
    // GitHub and Shopify have it. All other lists are of values, short by nature, and come with what they are part of:
    // `userErrors` and its `path`, the lines of an order, what a provider can do, the ids that an event is about.
    rule: "relay-edge-types",
    message: "A list type should only wrap an edge type.",
  },
  // It is the update of a subscription, the noun, as `orderUpdated` is that of an order; that the operation for following
  // things has the same name is GraphQL's doing. Whether they come as a prefix of the type or of the operation:
  { rule: "no-typename-prefix", message: 'Field "subscriptionUpdated" starts with' },
  { rule: "naming-convention", message: 'Field "subscriptionUpdated" should not have' },
  // The rule wants an `id` on every type. With us an id is the promise that `node(id:)` finds the record again. What has
  // none is a part of its record or an answer; a made-up id would let a client's cache mix up what is not the same.
  // The types of Relay's lists, the answers of mutations, and the messages of subscriptions, which have a cursor:
  { rule: "strict-id-in-types", message: /^type "\w+Connection" / },
  { rule: "strict-id-in-types", message: /^type "\w+Edge" / },
  { rule: "strict-id-in-types", message: /^type "\w+Payload" / },
  { rule: "strict-id-in-types", message: /^type "\w+Update" / },
  { rule: "strict-id-in-types", message: withoutId("PageInfo") },
  { rule: "strict-id-in-types", message: withoutId("UserError") },
  // Values, which are equal when their fields are:
  { rule: "strict-id-in-types", message: withoutId("Address") },
  { rule: "strict-id-in-types", message: withoutId("AuditChange") },
  { rule: "strict-id-in-types", message: withoutId("Card") },
  { rule: "strict-id-in-types", message: withoutId("CustomerBalance") },
  { rule: "strict-id-in-types", message: withoutId("DisputeEvidence") },
  { rule: "strict-id-in-types", message: withoutId("DunningPolicy") },
  { rule: "strict-id-in-types", message: withoutId("LedgerBalance") },
  { rule: "strict-id-in-types", message: withoutId("LedgerCheck") },
  { rule: "strict-id-in-types", message: withoutId("LedgerDifference") },
  { rule: "strict-id-in-types", message: withoutId("Money") },
  { rule: "strict-id-in-types", message: withoutId("AnchorDay") },
  { rule: "strict-id-in-types", message: withoutId("Dunning") },
  { rule: "strict-id-in-types", message: withoutId("Entitlement") },
  { rule: "strict-id-in-types", message: withoutId("PendingChange") },
  { rule: "strict-id-in-types", message: withoutId("PlannedItem") },
  { rule: "strict-id-in-types", message: withoutId("SubscriptionPause") },
  { rule: "strict-id-in-types", message: withoutId("PriceInterval") },
  { rule: "strict-id-in-types", message: withoutId("PriceTier") },
  { rule: "strict-id-in-types", message: withoutId("ProductImage") },
  { rule: "strict-id-in-types", message: withoutId("Review") },
  { rule: "strict-id-in-types", message: withoutId("Party") },
  { rule: "strict-id-in-types", message: withoutId("Period") },
  // What is made for one use and never read again:
  { rule: "strict-id-in-types", message: withoutId("ClientSession") },
  { rule: "strict-id-in-types", message: withoutId("InvoicePreview") },
  { rule: "strict-id-in-types", message: withoutId("NextBillPreview") },
  { rule: "strict-id-in-types", message: withoutId("SubscriptionPreview") },
  { rule: "strict-id-in-types", message: withoutId("SubscriptionChangePreview") },
  { rule: "strict-id-in-types", message: withoutId("RedirectAction") },
  { rule: "strict-id-in-types", message: withoutId("SdkAction") },
  // How far a comparison is, read off at this moment:
  { rule: "strict-id-in-types", message: withoutId("AccountReconciliation") },
  { rule: "strict-id-in-types", message: withoutId("Reconciliation") },
  // What the deployment's configuration says; it has names, and no records:
  { rule: "strict-id-in-types", message: withoutId("PaymentProvider") },
  { rule: "strict-id-in-types", message: withoutId("ProviderAccount") },
  { rule: "strict-id-in-types", message: withoutId("ProviderCapability") },
  // How the deployment does at this moment:
  { rule: "strict-id-in-types", message: withoutId("ProviderCalls") },
  { rule: "strict-id-in-types", message: withoutId("ProviderHealth") },
];
