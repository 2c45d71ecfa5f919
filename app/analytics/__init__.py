from flask import Flask

from app.analytics import (
    export_views,
    funnel_views,
    goal_views,
    models,  # noqa: F401
    orders,  # noqa: F401
    segment_views,
    shared_link_views,
    shared_views,
)
from app.analytics.models import Segment

MODULES = (
    goal_views,
    funnel_views,
    segment_views,
    export_views,
    shared_link_views,
    shared_views,
)


def register(app: Flask) -> None:
    for module in MODULES:
        app.register_blueprint(module.blueprint)
    app.add_template_global(Segment.of, "segments_of")
    app.add_template_global(segment_views.applied, "segment_address")
