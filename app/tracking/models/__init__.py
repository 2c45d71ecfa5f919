from app.tracking.models.event import Drop, Event, Quarantined, forget_drops, forget_quarantined
from app.tracking.models.rollup import BucketMark
from app.tracking.models.salt import DailySalt, forget_salts
from app.tracking.models.session import Session, Visitor, forget_visitors

__all__ = [
    "BucketMark",
    "DailySalt",
    "Drop",
    "Event",
    "Quarantined",
    "Session",
    "Visitor",
    "forget_drops",
    "forget_quarantined",
    "forget_salts",
    "forget_visitors",
]
