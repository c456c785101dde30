import BraintreeCard
import BraintreeThreeDSecure
import BraintreeUIComponents
import SwiftUI

/// Buys with a card that the fields of Braintree's SDK read.
@MainActor
struct BraintreeCheckout: View {
  let checkout: Checkout
  let bank: BraintreeBank
  let priceId: String
  let told: (String) -> Void

  @State private var clientToken: String?
  @State private var submit: (() -> Void)?

  var body: some View {
    VStack {
      if let clientToken {
        CardFields(authorization: clientToken, card: BTCard()) { card, error in
          Task { await buy(with: card, or: error) }
        }
        .onValidityChange { isValid, submit in self.submit = isValid ? submit : nil }
      }
      Button("Pay") { submit?() }.disabled(submit == nil)
    }
    .task { await openForm() }
  }

  private func openForm() async {
    let answer = try? await checkout.client.perform(mutation: Paydesk.OpenCardFormMutation())
    clientToken = answer?.data?.clientSessionCreate?.clientSession?.secret
    if clientToken == nil { told("There is no card form.") }
  }

  private func buy(with card: BTCardNonce?, or error: Error?) async {
    do {
      guard let card else { throw error ?? Refused(errorDescription: "There is no card.") }
      told(try await checkout.buy(priceId: priceId, cardToken: card.nonce, askInApp: bank.ask))
    } catch {
      told(error.localizedDescription)
    }
  }
}

/// Lets the customer's bank ask in the app, where it wants to.
@MainActor
final class BraintreeBank: NSObject, BTThreeDSecureRequestDelegate {
  /// Returns the nonce that says what came of it.
  func ask(_ charge: Paydesk.WhatBecameOfIt) async throws -> String? {
    guard let question = charge.nextAction?.asSdkAction, let card = question.token else { return nil }
    let request = BTThreeDSecureRequest(amount: charge.amount.decimal, nonce: card)
    request.threeDSecureRequestDelegate = self
    let asked = try await BTThreeDSecureClient(authorization: question.clientSecret).start(request)
    guard let nonce = asked.tokenizedCard?.nonce else { throw Refused(errorDescription: asked.errorMessage) }
    return nonce
  }

  nonisolated func onLookupComplete(
    _ request: BTThreeDSecureRequest, lookupResult: BTThreeDSecureResult, next: @escaping () -> Void
  ) {
    next()
  }
}
