from app.webhooks.models.attempt import DeliveryAttempt, Outcome
from app.webhooks.models.delivery import Delivery, NotRedeliverable
from app.webhooks.models.endpoint import Endpoint, Refused
from app.webhooks.models.told import ToldEvents

__all__ = [
    "Delivery",
    "DeliveryAttempt",
    "Endpoint",
    "NotRedeliverable",
    "Outcome",
    "Refused",
    "ToldEvents",
]
