"""Stub."""

from flask import Blueprint

blueprint = Blueprint(
    "publications", __name__, url_prefix="/o/<organization>/sites/<uuid:site_id>/publications"
)


@blueprint.get("")
def index(site_id):
    return ""
