package com.example.shop

import androidx.activity.ComponentActivity
import com.braintreepayments.api.threedsecure.ThreeDSecureClient
import com.braintreepayments.api.threedsecure.ThreeDSecureLauncher
import com.braintreepayments.api.threedsecure.ThreeDSecurePaymentAuthRequest
import com.braintreepayments.api.threedsecure.ThreeDSecurePaymentAuthResult
import com.braintreepayments.api.threedsecure.ThreeDSecureRequest
import com.braintreepayments.api.threedsecure.ThreeDSecureResult
import com.braintreepayments.api.uicomponents.cardfields.CardFields
import com.braintreepayments.api.uicomponents.cardfields.CardFieldsResult
import com.example.shop.paydesk.OpenCardFormMutation
import com.example.shop.paydesk.fragment.WhatBecameOfIt
import kotlinx.coroutines.CompletableDeferred

/** Buys with a card that the fields of Braintree's SDK read. Make it before `onCreate` ends: the launcher registers. */
class BraintreeCheckout(private val activity: ComponentActivity, private val checkout: Checkout) {
  private var asked = CompletableDeferred<ThreeDSecurePaymentAuthResult>()
  private val bank = ThreeDSecureLauncher(activity) { asked.complete(it) }

  /** `fields` stand in your layout. */
  suspend fun openForm(fields: CardFields) {
    val made = checkout.client.mutation(OpenCardFormMutation()).execute().dataOrThrow().clientSessionCreate
    val session = made?.clientSession ?: throw Refused(made?.userErrors?.firstOrNull()?.message ?: "There is no form.")
    fields.initialize(session.secret)
  }

  suspend fun buy(priceId: String, fields: CardFields): WhatBecameOfIt {
    val charge = checkout.buy(priceId, readCard(fields), returnUrl = null)
    val question = charge.nextAction?.onSdkAction ?: return charge
    return checkout.goOn(charge.id, token = askTheBank(question, charge.amount.decimal))
  }

  private suspend fun readCard(fields: CardFields): String {
    val read = CompletableDeferred<CardFieldsResult>()
    fields.setCardFieldsResultCallback { read.complete(it) }
    fields.submit()
    return when (val result = read.await()) {
      is CardFieldsResult.Success -> result.nonce.string
      is CardFieldsResult.Failure -> throw result.error
    }
  }

  /** Lets the customer's bank ask in the app, where it wants to. What came of it is said by the nonce. */
  private suspend fun askTheBank(question: WhatBecameOfIt.OnSdkAction, amount: String): String {
    val client = ThreeDSecureClient(activity, question.clientSecret)
    val request = ThreeDSecureRequest(nonce = question.token, amount = amount)
    return when (val ready = client.createPaymentAuthRequest(activity, request)) {
      is ThreeDSecurePaymentAuthRequest.LaunchNotRequired -> ready.nonce.string
      is ThreeDSecurePaymentAuthRequest.Failure -> throw ready.error
      is ThreeDSecurePaymentAuthRequest.ReadyToLaunch -> {
        asked = CompletableDeferred()
        bank.launch(ready)
        when (val result = client.tokenize(asked.await())) {
          is ThreeDSecureResult.Success -> result.nonce.string
          is ThreeDSecureResult.Failure -> throw result.error
          ThreeDSecureResult.Cancel -> throw Refused("Your bank was not answered. Try again.")
        }
      }
    }
  }
}
