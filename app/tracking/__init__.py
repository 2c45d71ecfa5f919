from flask import Flask

from app.tracking import announcements, api, models, server_api, views  # noqa: F401
from app.tracking.checks import REASONS
from app.tracking.committer import Committer
from app.tracking.data_centres import use_networks
from app.tracking.places import use_database
from app.tracking.presence import Presence


def register(app: Flask) -> None:
    use_database(app.extensions["candor_settings"].geoip_path)
    use_networks(app.extensions["candor_settings"].data_centres_path)
    keyring = app.extensions["candor_keyring"]
    app.extensions["candor_visitor_key"] = keyring.derive("visitor")
    committer = Committer(app)
    committer.listen(Presence(app).note)
    app.extensions["candor_committer"] = committer
    app.jinja_env.globals["drop_reasons"] = REASONS
    app.register_blueprint(server_api.blueprint)
    app.register_blueprint(views.blueprint)
    app.register_blueprint(api.blueprint)
