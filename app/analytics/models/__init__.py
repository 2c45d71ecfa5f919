from app.analytics.models.rollup import DayRollup, RolledDay, RollupRun

__all__ = ["DayRollup", "RolledDay", "RollupRun"]
