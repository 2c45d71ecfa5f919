from flask import Flask

from app.analytics import (
    alert_views,
    annotation_views,
    api,
    archive_views,
    attribution_views,
    export_views,
    funnel_api,
    funnel_views,
    goal_api,
    goal_views,
    journey_views,
    models,  # noqa: F401
    orders,  # noqa: F401
    path_api,
    report_api,
    report_mail_views,
    report_views,
    retention_views,
    segment_views,
    shared_link_views,
    shared_views,
    views,
    visit_api,
    visit_views,
)
from app.analytics.models import Segment

PAGES = (
    views,
    visit_views,
    goal_views,
    funnel_views,
    journey_views,
    retention_views,
    attribution_views,
    segment_views,
    export_views,
    shared_link_views,
    shared_views,
    report_views,
    report_mail_views,
    alert_views,
    annotation_views,
    archive_views,
)
REST = (api, goal_api, funnel_api, path_api, visit_api, report_api)


def register(app: Flask) -> None:
    for module in (*PAGES, *REST):
        app.register_blueprint(module.blueprint)
    app.register_blueprint(report_mail_views.one_click)
    app.add_template_global(Segment.of, "segments_of")
    app.add_template_global(segment_views.applied, "segment_address")
