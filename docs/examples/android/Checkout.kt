package com.example.shop

import android.content.Context
import android.net.Uri
import androidx.browser.customtabs.CustomTabsIntent
import com.apollographql.apollo.ApolloClient
import com.apollographql.apollo.api.Optional
import com.example.shop.paydesk.AddCardMutation
import com.example.shop.paydesk.GoOnMutation
import com.example.shop.paydesk.MakeOrderMutation
import com.example.shop.paydesk.PayMutation
import com.example.shop.paydesk.fragment.WhatBecameOfIt
import com.example.shop.paydesk.type.ChargeState
import java.util.UUID

class Refused(message: String) : Exception(message)

/** `token` is what the identity provider gave to the customer who signed in. */
class Checkout(gateway: String, token: String) {
  val client = ApolloClient.Builder()
    .serverUrl(gateway)
    .addHttpHeader("Authorization", "Bearer $token")
    .build()

  /**
   * `cardToken` is what the provider's card form gave. The charge may wait for the customer: see [confirm]. Without
   * `returnUrl` the bank asks in the app, by the provider's SDK.
   */
  suspend fun buy(priceId: String, cardToken: String, returnUrl: String? = "myshop://paid"): WhatBecameOfIt {
    val card = client.mutation(AddCardMutation(token = cardToken)).execute().dataOrThrow()
    throwIf(card.paymentMethodAttach?.userErrors?.firstOrNull()?.message)

    // One wish, one key: made when the button is pressed, and the same in every repetition.
    val key = UUID.randomUUID().toString()
    val made = client.mutation(MakeOrderMutation(priceId = priceId, key = key)).execute().dataOrThrow()
    throwIf(made.orderCreate?.userErrors?.firstOrNull()?.message)
    val order = made.orderCreate?.order ?: throw Refused("There is no order.")

    val wish = UUID.randomUUID().toString()
    val payment = PayMutation(orderId = order.id, returnUrl = Optional.presentIfNotNull(returnUrl), key = wish)
    val paid = client.mutation(payment).execute().dataOrThrow()
    throwIf(paid.orderCharge?.userErrors?.firstOrNull()?.message)
    return paid.orderCharge?.charge?.whatBecameOfIt ?: throw Refused("There is no charge.")
  }

  /** Shows the bank's page, if the bank asks. It leads back to `myshop://paid?charge=…`, which opens the app again. */
  fun confirm(context: Context, charge: WhatBecameOfIt): Boolean {
    val page = charge.nextAction?.onRedirectAction?.url ?: return false
    CustomTabsIntent.Builder().build().launchUrl(context, Uri.parse(page))
    return true
  }

  /** The customer is back. What the address says is no proof; the gateway knows. */
  suspend fun goOn(chargeId: String, token: String? = null): WhatBecameOfIt {
    // Each token is another wish.
    val key = if (token == null) "back-$chargeId" else UUID.randomUUID().toString()
    val wish = GoOnMutation(chargeId = chargeId, token = Optional.presentIfNotNull(token), key = key)
    val after = client.mutation(wish).execute().dataOrThrow()
    throwIf(after.chargeContinue?.userErrors?.firstOrNull()?.message)
    return after.chargeContinue?.charge?.whatBecameOfIt ?: throw Refused("There is no charge.")
  }

  /** What the customer reads. */
  fun inWords(charge: WhatBecameOfIt): String = when (charge.state) {
    ChargeState.SUCCEEDED -> "Thank you. ${charge.captured.formatted} were paid."
    ChargeState.DECLINED, ChargeState.FAILED -> charge.message ?: "The payment did not go through."
    ChargeState.VOIDED, ChargeState.EXPIRED -> "The payment was not made."
    else -> "Your payment is being processed. You need not pay again."
  }

  private fun throwIf(message: String?) {
    if (message != null) throw Refused(message)
  }
}
