from flask import Flask

from app.dashboard import (  # noqa: F401
    builder,
    campaign_reports,
    demo,
    desks,
    home,
    inbox_sockets,
    installation,
    live,
    live_sockets,
    navigation,
    publications,
    publications_api,
    publishing,
    removal,
    search,
    sessions,
)


def register(app: Flask) -> None:
    app.context_processor(navigation.context)
    for page in (home, builder, publications, publications_api, installation, removal, search):
        app.register_blueprint(page.blueprint)
    watchers = live_sockets.Watchers()
    app.extensions["candor_watchers"] = watchers
    app.extensions["candor_subscriber"].listen(watchers.hear)
    inboxes = desks.Desks(app)
    app.extensions["candor_desks"] = inboxes
    app.extensions["candor_subscriber"].listen(inboxes.hear)
    for part in (campaign_reports, demo, inbox_sockets, live, live_sockets, sessions):
        app.register_blueprint(part.blueprint)
