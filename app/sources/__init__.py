from flask import Flask

from app.core.announce import subscribe
from app.sites.models import SiteCreated
from app.sources.api import blueprint as rest
from app.sources.hooks import blueprint as inbound
from app.sources.models import add_built_in_sources
from app.sources.views import blueprint as pages


def register(app: Flask) -> None:
    subscribe(SiteCreated)(add_built_in_sources)
    for blueprint in (inbound, pages, rest):
        app.register_blueprint(blueprint)
