package com.example.shop

import androidx.activity.ComponentActivity
import com.example.shop.paydesk.OpenCardFormMutation
import com.example.shop.paydesk.fragment.WhatBecameOfIt
import com.stripe.android.PaymentConfiguration
import com.stripe.android.payments.paymentlauncher.PaymentLauncher
import com.stripe.android.paymentsheet.PaymentSheet
import com.stripe.android.paymentsheet.PaymentSheetResult
import kotlinx.coroutines.CompletableDeferred

/** Buys with a card that Stripe's PaymentSheet reads. Make it in `onCreate`: both of Stripe's parts register there. */
class StripeCheckout(activity: ComponentActivity, publishableKey: String, private val checkout: Checkout) {
  private var read = CompletableDeferred<PaymentSheetResult>()
  private var asked = CompletableDeferred<Unit>()

  private val sheet = PaymentSheet.Builder { read.complete(it) }.build(activity)
  private val bank = PaymentLauncher.create(activity, publishableKey) { asked.complete(Unit) }

  init {
    PaymentConfiguration.init(activity, publishableKey)
  }

  /** Null when the customer closed the sheet. */
  suspend fun buy(priceId: String): WhatBecameOfIt? {
    val card = readCard() ?: return null
    val charge = checkout.buy(priceId, card, returnUrl = null)
    val secret = charge.nextAction?.onSdkAction?.clientSecret ?: return charge

    asked = CompletableDeferred()
    bank.handleNextActionForPaymentIntent(secret)
    asked.await()
    // Whatever came of it, the gateway is asked: it learns from Stripe, and not from the app.
    return checkout.goOn(charge.id)
  }

  private suspend fun readCard(): String? {
    val made = checkout.client.mutation(OpenCardFormMutation()).execute().dataOrThrow().clientSessionCreate
    val session = made?.clientSession ?: throw Refused(made?.userErrors?.firstOrNull()?.message ?: "There is no form.")

    read = CompletableDeferred()
    sheet.presentWithSetupIntent(session.secret, PaymentSheet.Configuration.Builder("A small shop").build())
    return when (val result = read.await()) {
      is PaymentSheetResult.Completed -> session.secret // The sheet tells no id. The gateway finds it in the secret.
      is PaymentSheetResult.Canceled -> null
      is PaymentSheetResult.Failed -> throw result.error
    }
  }
}
