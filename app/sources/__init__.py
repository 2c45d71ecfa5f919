from flask import Flask

from app.core.announce import subscribe
from app.sites.models import SiteCreated
from app.sources.api import blueprint as rest
from app.sources.delivery_views import blueprint as pages
from app.sources.hooks import blueprint as inbound
from app.sources.models import add_built_in_sources


def register(app: Flask) -> None:
    subscribe(SiteCreated)(add_built_in_sources)
    for blueprint in (inbound, pages, rest):
        app.register_blueprint(blueprint)
