import StripePaymentSheet
import UIKit

/// Buys with a card that Stripe's PaymentSheet reads.
@MainActor
final class StripeCheckout: NSObject, STPAuthenticationContext {
  private let checkout: Checkout
  private let screen: UIViewController

  init(checkout: Checkout, screen: UIViewController) {
    self.checkout = checkout
    self.screen = screen
  }

  /// Returns what to show to the customer; nil when they closed the sheet.
  func buy(priceId: String) async throws -> String? {
    guard let card = try await readCard() else { return nil }
    return try await checkout.buy(priceId: priceId, cardToken: card, askInApp: ask)
  }

  private func readCard() async throws -> String? {
    let answer = try await checkout.client.perform(mutation: Paydesk.OpenCardFormMutation())
    guard let session = answer.data?.clientSessionCreate?.clientSession else {
      throw Refused(errorDescription: answer.data?.clientSessionCreate?.userErrors.first?.message)
    }
    STPAPIClient.shared.publishableKey = session.publishableKey

    var configuration = PaymentSheet.Configuration()
    configuration.merchantDisplayName = "A small shop"
    configuration.returnURL = "myshop://stripe"
    let sheet = PaymentSheet(setupIntentClientSecret: session.secret, configuration: configuration)
    switch await sheet.present(from: screen) {
    case .completed: return session.secret  // The sheet tells no id. The gateway finds it in the secret.
    case .canceled: return nil
    case .failed(let error): throw error
    }
  }

  /// Whatever comes of it, the gateway is asked next: it learns from Stripe, and not from the app.
  private func ask(_ charge: Paydesk.WhatBecameOfIt) async -> String? {
    guard let question = charge.nextAction?.asSdkAction else { return nil }
    _ = await STPPaymentHandler.shared().handleNextAction(
      paymentIntentClientSecret: question.clientSecret, authenticationContext: self, returnURL: "myshop://stripe")
    return nil
  }

  func authenticationPresentingViewController() -> UIViewController { screen }
}
