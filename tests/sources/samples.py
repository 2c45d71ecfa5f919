"""Deliveries as the providers send them, composed for these tests with the same field names.

Signed here with hmac and hashlib alone, apart from the code under test.
"""

import base64
import hashlib
import hmac
import json
from datetime import UTC, datetime

from app.sources.kinds.base import Incoming

SECRET = "a-secret-of-the-shop"
NOW = datetime(2026, 5, 4, 10, 30, tzinfo=UTC)

# Greater than 2^53: a reader with doubles would change it.
SHOPIFY_ORDER_ID = 820982911946154508
SHOPIFY_CUSTOMER_ID = 115310627314723954


def body_of(document):
    return json.dumps(document, ensure_ascii=False).encode()


def base64_hmac(body, secret=SECRET):
    return base64.b64encode(hmac.new(secret.encode(), body, hashlib.sha256).digest()).decode()


def hex_hmac(body, secret=SECRET):
    return hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


def shopify(topic, document, secret=SECRET, **headers):
    body = body_of(document)
    return Incoming(
        {
            "content-type": "application/json",
            "user-agent": "Shopify-Captain-Hook",
            "x-shopify-api-version": "2024-10",
            "x-shopify-hmac-sha256": base64_hmac(body, secret),
            "x-shopify-shop-domain": "kettle-and-cup.myshopify.com",
            "x-shopify-topic": topic,
            "x-shopify-triggered-at": "2026-05-04T10:29:59.978733396Z",
            "x-shopify-webhook-id": "94c7938d-b037-48f8-8216-35044f5f7d28",
            **headers,
        },
        body,
    )


def shopify_order(**changes):
    return {
        "id": SHOPIFY_ORDER_ID,
        "admin_graphql_api_id": f"gid://shopify/Order/{SHOPIFY_ORDER_ID}",
        "cancel_reason": None,
        "cancelled_at": None,
        "contact_email": "mira@example.com",
        "created_at": "2026-05-04T12:29:50+02:00",
        "currency": "EUR",
        "current_total_price": "58.70",
        "email": "mira@example.com",
        "financial_status": "paid",
        "fulfillment_status": None,
        "name": "#1042",
        "presentment_currency": "EUR",
        "processed_at": "2026-05-04T12:29:51+02:00",
        "test": False,
        "total_price": "58.70",
        "total_price_set": {
            "shop_money": {"amount": "58.70", "currency_code": "EUR"},
            "presentment_money": {"amount": "58.70", "currency_code": "EUR"},
        },
        "updated_at": "2026-05-04T12:29:55+02:00",
        "billing_address": shopify_address("Bern", "Bern", "CH"),
        "customer": {
            "id": SHOPIFY_CUSTOMER_ID,
            "email": "mira@example.com",
            "first_name": "Mira",
            "last_name": "Keller",
            "state": "disabled",
            "default_address": shopify_address("Bern", "Bern", "CH"),
        },
        "line_items": [
            shopify_item("Stoneware kettle", "Stoneware kettle - 1 l", 1, "39.90"),
            shopify_item("Cup", "Cup - blue", 2, "9.40"),
        ],
        "refunds": [],
        "shipping_address": shopify_address("Lyon", "Auvergne-Rhône-Alpes", "FR"),
        "shipping_lines": [{"id": 271878346596884015, "price": "0.00", "title": "Post"}],
        **changes,
    }


def shopify_address(city, province, country_code):
    return {
        "first_name": "Mira",
        "last_name": "Keller",
        "name": "Mira Keller",
        "address1": "1 rue de la Source",
        "zip": "69001",
        "city": city,
        "province": province,
        "province_code": None,
        "country": "Somewhere",
        "country_code": country_code,
        "latitude": None,
        "longitude": None,
    }


def shopify_item(title, name, quantity, price):
    return {
        "id": 866550311766439020,
        "title": title,
        "name": name,
        "quantity": quantity,
        "current_quantity": quantity,
        "price": price,
        "price_set": {"shop_money": {"amount": price, "currency_code": "EUR"}},
        "product_id": 632910392,
        "sku": "KETTLE",
        "variant_title": None,
        "properties": [],
        "tax_lines": [],
    }


def shopify_refund(*amounts, **changes):
    return {
        "id": 890088186047892319,
        "order_id": SHOPIFY_ORDER_ID,
        "admin_graphql_api_id": "gid://shopify/Refund/890088186047892319",
        "created_at": "2026-05-06T09:00:00+02:00",
        "processed_at": "2026-05-06T09:00:01+02:00",
        "note": "A handle was broken",
        "refund_line_items": [],
        "order_adjustments": [],
        "transactions": [shopify_transaction(amount) for amount in amounts],
        **changes,
    }


def shopify_transaction(amount, **changes):
    return {
        "id": 179259969,
        "order_id": SHOPIFY_ORDER_ID,
        "amount": amount,
        "currency": "EUR",
        "gateway": "shopify_payments",
        "kind": "refund",
        "status": "success",
        "test": False,
        **changes,
    }


def woocommerce(topic, document, secret=SECRET, **headers):
    body = body_of(document)
    resource, _, event = topic.partition(".")
    return Incoming(
        {
            "content-type": "application/json",
            "user-agent": "WooCommerce/9.4.0 Hookshot (WordPress/6.7)",
            "x-wc-webhook-source": "https://tea.example/",
            "x-wc-webhook-topic": topic,
            "x-wc-webhook-resource": resource,
            "x-wc-webhook-event": event,
            "x-wc-webhook-id": "9",
            "x-wc-webhook-delivery-id": "2f1a0c0d9d7a",
            "x-wc-webhook-signature": base64_hmac(body, secret),
            **headers,
        },
        body,
    )


def woocommerce_ping():
    headers = {
        "content-type": "application/x-www-form-urlencoded",
        "user-agent": "WooCommerce/9.4.0 Hookshot (WordPress/6.7)",
    }
    return Incoming(headers, b"webhook_id=9")


def woocommerce_order(**changes):
    address = {
        "first_name": "Tomás",
        "last_name": "Silva",
        "company": "",
        "address_1": "Rua das Flores 12",
        "city": "Porto",
        "state": "PT-13",
        "postcode": "4050-262",
        "country": "PT",
    }
    return {
        "id": 727,
        "parent_id": 0,
        "number": "727",
        "status": "processing",
        "currency": "EUR",
        "date_created": "2026-05-04T11:20:00",
        "date_created_gmt": "2026-05-04T10:20:00",
        "date_modified": "2026-05-04T11:20:08",
        "date_modified_gmt": "2026-05-04T10:20:08",
        "date_paid": "2026-05-04T11:20:06",
        "date_paid_gmt": "2026-05-04T10:20:06",
        "date_completed_gmt": None,
        "total": "29.35",
        "total_tax": "1.35",
        "customer_id": 0,
        "billing": {**address, "email": "tomas@example.com", "phone": "555"},
        "shipping": address,
        "payment_method": "bacs",
        "line_items": [
            {
                "id": 315,
                "name": "Green tea &ndash; Size: M &amp; L",
                "product_id": 93,
                "quantity": 2,
                "total": "6.00",
                "price": 3,
                "image": {"id": "7", "src": "https://tea.example/green.jpg"},
            },
            {"id": 316, "name": "Tin", "product_id": 22, "quantity": 1, "total": "12.00"},
        ],
        "refunds": [],
        **changes,
    }


def woocommerce_review(**changes):
    return {
        "id": 22,
        "date_created": "2026-05-03T17:59:17",
        "date_created_gmt": "2026-05-03T16:59:17",
        "product_id": 93,
        "product_name": "Green tea",
        "product_permalink": "https://tea.example/product/green-tea/",
        "status": "approved",
        "reviewer": "Ana Maria Lopes",
        "reviewer_email": "ana@example.com",
        "review": "<p>Lovely &amp; fresh!</p>\n",
        "rating": 5,
        "verified": True,
        **changes,
    }


def stripe(document, secret=SECRET, at=NOW):
    body = body_of(document)
    seconds = int(at.timestamp())
    signature = hex_hmac(f"{seconds}.".encode() + body, secret)
    return Incoming(
        {
            "content-type": "application/json; charset=utf-8",
            "stripe-signature": f"t={seconds},v1={signature}",
        },
        body,
    )


def stripe_event(kind, thing, *, previous=None, **changes):
    data = {"object": thing}
    return {
        "id": "evt_1Pgb7rB7WZ01zgkW0001",
        "object": "event",
        "api_version": "2026-10-28.endive",
        "created": 1777890000,
        "data": data if previous is None else data | {"previous_attributes": previous},
        "livemode": True,
        "pending_webhooks": 1,
        "request": {"id": None, "idempotency_key": None},
        "type": kind,
        **changes,
    }


def stripe_checkout(**changes):
    return {
        "id": "cs_live_a1YS1URlnyQCN5fUUduORoQ7",
        "object": "checkout.session",
        "amount_subtotal": 2900,
        "amount_total": 2900,
        "created": 1777889000,
        "currency": "usd",
        "customer": "cus_QXg1o8vcGmoR32",
        "customer_details": {
            "address": {"city": "Austin", "country": "US", "line1": None, "state": "TX"},
            "email": "dana@example.com",
            "name": "Dana van der Berg",
            "phone": None,
        },
        "customer_email": None,
        "collected_information": {
            "shipping_details": {
                "address": {"city": None, "country": None, "state": None},
                "name": None,
            }
        },
        "invoice": None,
        "livemode": True,
        "metadata": {"product_name": "Course on tea", "product_url": "https://tea.example/c"},
        "mode": "payment",
        "payment_intent": "pi_1PgafyB7WZ01zgkWSjxsAJo3",
        "payment_status": "paid",
        "status": "complete",
        **changes,
    }


def stripe_charge(**changes):
    return {
        "id": "ch_1PgafuB7WZ01zgkWXYmPNZs8",
        "object": "charge",
        "amount": 2900,
        "amount_captured": 2900,
        "amount_refunded": 2900,
        "created": 1777889001,
        "currency": "usd",
        "customer": "cus_QXg1o8vcGmoR32",
        "livemode": True,
        "paid": True,
        "payment_intent": "pi_1PgafyB7WZ01zgkWSjxsAJo3",
        "refunded": True,
        "status": "succeeded",
        **changes,
    }


def stripe_refund(**changes):
    return {
        "id": "re_1Pgc72B7WZ01zgkWqPvrRrPE",
        "object": "refund",
        "amount": 1000,
        "charge": None,
        "created": 1777891000,
        "currency": "usd",
        "payment_intent": "pi_1PgafyB7WZ01zgkWSjxsAJo3",
        "status": "succeeded",
        **changes,
    }


CUSTOM_SECRET = "whsec_" + base64.b64encode(b"k" * 32).decode()


def custom(document, at=NOW, message_id="msg_27UH4WbU6Z5A5EzD8u03UvzRbpk"):
    body = body_of(document)
    seconds = int(at.timestamp())
    signed = f"{message_id}.{seconds}.".encode() + body
    digest = hmac.new(b"k" * 32, signed, hashlib.sha256).digest()
    return Incoming(
        {
            "content-type": "application/json",
            "webhook-id": message_id,
            "webhook-timestamp": str(seconds),
            "webhook-signature": f"v1,{base64.b64encode(digest).decode()}",
        },
        body,
    )


def custom_plain(document, secret=SECRET):
    body = body_of(document)
    return Incoming(
        {"content-type": "application/json", "x-signature": f"sha256={hex_hmac(body, secret)}"},
        body,
    )


def activity(**changes):
    return {
        "type": "signup",
        "external_id": "user-81",
        "occurred_at": "2026-05-04T12:00:00+02:00",
        "person": {"first_name": "Noor", "last_name": "Haddad", "email": "noor@example.com"},
        "place": {"city": "Utrecht", "region": "Utrecht", "country": "nl"},
        "product": {
            "name": "Newsletter",
            "url": "https://tea.example/news",
            "image": "https://tea.example/news.png",
        },
        "value": {"amount": 1250, "currency": "EUR"},
        "rating": 4,
        "data": {"plan": "free", "seats": 3, "nested": {"left": "out"}},
        **changes,
    }


def crm_lead(**changes):
    """A body of somebody's own shape, to be mapped."""
    return {
        "event": "deal.won",
        "deal": {
            "uuid": "d-9",
            "when": 1777888800,
            "price": "120.5",
            "unit": "gbp",
            "items": [{"title": "Teapot", "link": "https://tea.example/pot"}],
        },
        "buyer": {"full": "Ada Byron", "names": ["Ada", "Byron"], "mail": "ada@example.com"},
        "where": {"town": "Bath", "country": "GB"},
        **changes,
    }
