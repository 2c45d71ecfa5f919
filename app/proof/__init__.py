from flask import Flask

from app.proof import bench_views, import_views, opt_out_views, recording  # noqa: F401
from app.proof.api import blueprint as rest
from app.proof.views import blueprint as pages


def register(app: Flask) -> None:
    for module in (import_views, bench_views, opt_out_views):
        app.register_blueprint(module.blueprint)
    app.register_blueprint(pages)
    app.register_blueprint(rest)
