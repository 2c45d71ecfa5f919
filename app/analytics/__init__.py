from flask import Flask

from app.analytics import (  # noqa: F401
    attribution_views,
    funnel_api,
    funnel_views,
    goal_api,
    goal_views,
    journey_views,
    models,
    orders,
    path_api,
    retention_views,
    views,
)


def register(app: Flask) -> None:
    for module in (views, goal_views, funnel_views):
        app.register_blueprint(module.blueprint)
    for paths in (journey_views, retention_views, attribution_views):
        app.register_blueprint(paths.blueprint)
    for rest in (goal_api, funnel_api, path_api):
        app.register_blueprint(rest.blueprint)
