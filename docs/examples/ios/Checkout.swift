import Apollo
import AuthenticationServices
import Foundation

struct Refused: LocalizedError {
  let errorDescription: String?
}

@MainActor
final class Checkout: NSObject, ASWebAuthenticationPresentationContextProviding {
  let client: ApolloClient
  private let window: ASPresentationAnchor

  /// `token` is what the identity provider gave to the customer who signed in.
  init(gateway: URL, token: String, window: ASPresentationAnchor) {
    let store = ApolloStore(cache: InMemoryNormalizedCache())
    let transport = RequestChainNetworkTransport(
      urlSession: URLSession(configuration: .default),
      interceptorProvider: DefaultInterceptorProvider.shared,
      store: store,
      endpointURL: gateway,
      additionalHeaders: ["Authorization": "Bearer \(token)"]
    )
    self.client = ApolloClient(networkTransport: transport, store: store)
    self.window = window
  }

  /// `cardToken` is what the provider's card form gave. Returns what to show to the customer. With `askInApp` the bank
  /// asks in the app, by the provider's SDK, and else on a page of its own. Some SDKs give a token for going on.
  func buy(
    priceId: String, cardToken: String, askInApp: ((Paydesk.WhatBecameOfIt) async throws -> String?)? = nil
  ) async throws -> String {
    let card = try await client.perform(mutation: Paydesk.AddCardMutation(token: cardToken))
    try check(card.data?.paymentMethodAttach?.userErrors.first?.message, card.errors)

    // One wish, one key: made when the button is pressed, and the same in every repetition.
    let made = try await client.perform(
      mutation: Paydesk.MakeOrderMutation(priceId: priceId, key: UUID().uuidString))
    try check(made.data?.orderCreate?.userErrors.first?.message, made.errors)
    guard let order = made.data?.orderCreate?.order else { throw Refused(errorDescription: "There is no order.") }

    let page: GraphQLNullable<String> = askInApp == nil ? "myshop://paid" : .none
    let paid = try await client.perform(
      mutation: Paydesk.PayMutation(orderId: order.id, returnUrl: page, key: UUID().uuidString))
    try check(paid.data?.orderCharge?.userErrors.first?.message, paid.errors)
    guard let charge = paid.data?.orderCharge?.charge?.fragments.whatBecameOfIt else {
      throw Refused(errorDescription: "There is no charge.")
    }
    var token: String?
    if let bank = charge.nextAction?.asRedirectAction?.url, let url = URL(string: bank) {
      try await confirm(at: url)
    } else if charge.nextAction?.asSdkAction != nil, let askInApp {
      token = try await askInApp(charge)
    } else {
      return inWords(charge)
    }
    // Each token is another wish.
    let key = token == nil ? "back-\(charge.id)" : UUID().uuidString
    let given: GraphQLNullable<String> = token.map { .some($0) } ?? .none
    let after = try await client.perform(
      mutation: Paydesk.GoOnMutation(chargeId: charge.id, token: given, key: key))
    try check(after.data?.chargeContinue?.userErrors.first?.message, after.errors)
    guard let settled = after.data?.chargeContinue?.charge?.fragments.whatBecameOfIt else {
      throw Refused(errorDescription: "There is no charge.")
    }
    return inWords(settled)
  }

  func presentationAnchor(for session: ASWebAuthenticationSession) -> ASPresentationAnchor { window }

  /// Shows the bank's page until it leads back to `myshop://`. What that address says is no proof.
  private func confirm(at url: URL) async throws {
    try await withCheckedThrowingContinuation { (done: CheckedContinuation<Void, any Error>) in
      let session = ASWebAuthenticationSession(url: url, callbackURLScheme: "myshop") { _, error in
        if let error { done.resume(throwing: error) } else { done.resume() }
      }
      session.presentationContextProvider = self
      session.start()
    }
  }

  private func check(_ message: String?, _ errors: [GraphQLError]?) throws {
    if let message = message ?? errors?.first?.message { throw Refused(errorDescription: message) }
  }

  private func inWords(_ charge: Paydesk.WhatBecameOfIt) -> String {
    switch charge.state.value {
    case .succeeded: "Thank you. \(charge.captured.formatted) were paid."
    case .declined, .failed: charge.message ?? "The payment did not go through."
    case .voided, .expired: "The payment was not made."
    default: "Your payment is being processed. You need not pay again."
    }
  }
}
