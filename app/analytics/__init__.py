from flask import Flask

from app.analytics import (
    api,
    attribution_views,
    funnel_api,
    funnel_views,
    goal_api,
    goal_views,
    journey_views,
    models,  # noqa: F401
    orders,  # noqa: F401
    path_api,
    retention_views,
    views,
)

PAGES = (views, goal_views, funnel_views, journey_views, retention_views, attribution_views)
REST = (api, goal_api, funnel_api, path_api)


def register(app: Flask) -> None:
    for module in (*PAGES, *REST):
        app.register_blueprint(module.blueprint)
