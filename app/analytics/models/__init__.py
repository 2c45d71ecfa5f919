from app.analytics.models.alert import Alert, AlertFiring, AlertRecipient
from app.analytics.models.annotation import Annotation
from app.analytics.models.archive import Archive
from app.analytics.models.funnel import Funnel
from app.analytics.models.goal import Goal, TooMany
from app.analytics.models.refused import Refused
from app.analytics.models.renaming import follow_goal
from app.analytics.models.report import Report, ReportRecipient, ReportSending, Wanted
from app.analytics.models.rollup import DayRollup, RolledDay, RollupRun
from app.analytics.models.segment import Segment
from app.analytics.models.shared_link import SharedLink

__all__ = [
    "Alert",
    "AlertFiring",
    "AlertRecipient",
    "Annotation",
    "Archive",
    "DayRollup",
    "Funnel",
    "Goal",
    "Refused",
    "Report",
    "ReportRecipient",
    "ReportSending",
    "RolledDay",
    "RollupRun",
    "Segment",
    "SharedLink",
    "TooMany",
    "Wanted",
    "follow_goal",
]
