from app.analytics.models.annotation import Annotation
from app.analytics.models.funnel import Funnel
from app.analytics.models.goal import Goal, TooMany
from app.analytics.models.refused import Refused
from app.analytics.models.rollup import DayRollup, RolledDay, RollupRun
from app.analytics.models.segment import Segment
from app.analytics.models.shared_link import SharedLink

__all__ = [
    "Annotation",
    "DayRollup",
    "Funnel",
    "Goal",
    "Refused",
    "RolledDay",
    "RollupRun",
    "Segment",
    "SharedLink",
    "TooMany",
]
