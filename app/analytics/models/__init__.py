from app.analytics.models.funnel import Funnel
from app.analytics.models.goal import Goal, TooMany
from app.analytics.models.rollup import DayRollup, RolledDay, RollupRun

__all__ = ["DayRollup", "Funnel", "Goal", "RolledDay", "RollupRun", "TooMany"]
