"""Signed deliveries as shops send them."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from typing import Any
from uuid import uuid4

from app.core import clock


def shopify_order(
    number: int | str = 5001, email: str = "ada@customers.example", **changes: Any
) -> dict[str, Any]:
    """A paid order with the field names and shapes of Shopify's orders/paid."""
    at = clock.now().isoformat()
    address = {
        "first_name": "Ada",
        "last_name": "Byron",
        "city": "Lyon",
        "province": "Auvergne-Rhône-Alpes",
        "country_code": "FR",
    }
    order = {
        "id": int(number),
        "test": False,
        "cancelled_at": None,
        "created_at": at,
        "processed_at": at,
        "updated_at": at,
        "currency": "EUR",
        "financial_status": "paid",
        "total_price": "14.90",
        "email": email,
        "customer": {"id": 7001, "email": email, "first_name": "Ada", "last_name": "Byron"},
        "shipping_address": address,
        "billing_address": address,
        "line_items": [
            {"title": "Darjeeling", "name": "Darjeeling", "price": "14.90", "quantity": 1}
        ],
        "refunds": [],
    }
    return {**order, **changes}


def shopify_refund(
    number: int | str = 5001, amount: str = "14.90", refund: int = 1
) -> dict[str, Any]:
    at = clock.now().isoformat()
    return {
        "id": 880000 + refund,
        "order_id": int(number),
        "created_at": at,
        "processed_at": at,
        "refund_line_items": [],
        "transactions": [
            {
                "id": 990000 + refund,
                "order_id": int(number),
                "kind": "refund",
                "status": "success",
                "amount": amount,
                "currency": "EUR",
            }
        ],
    }


def shopify_headers(
    secret: str, topic: str, body: bytes, webhook_id: str | None = None
) -> dict[str, str]:
    digest = hmac.digest(secret.encode(), body, hashlib.sha256)
    return {
        "Content-Type": "application/json",
        "X-Shopify-Topic": topic,
        "X-Shopify-Shop-Domain": "acme.myshopify.com",
        "X-Shopify-Webhook-Id": webhook_id or str(uuid4()),
        "X-Shopify-Hmac-Sha256": base64.b64encode(digest).decode(),
    }


def shopify(
    secret: str, topic: str, payload: dict[str, Any], webhook_id: str | None = None
) -> dict[str, Any]:
    """Keyword arguments for a test client's post: data and headers."""
    body = json.dumps(payload).encode()
    return {"data": body, "headers": shopify_headers(secret, topic, body, webhook_id)}
