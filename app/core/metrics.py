"""What Prometheus reads at /metrics. With several workers the files under
PROMETHEUS_MULTIPROC_DIR are added up."""

from __future__ import annotations

import os

from flask import Blueprint, Response
from prometheus_client import (
    CONTENT_TYPE_LATEST,
    REGISTRY,
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    generate_latest,
    multiprocess,
)

REQUEST_SECONDS = Histogram(
    "candor_request_seconds",
    "Answers by route",
    ["method", "route", "status"],
    buckets=(0.005, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
)
DELIVERIES = Counter("candor_inbound_deliveries_total", "Webhooks received", ["kind", "verdict"])
SOCKETS = Gauge("candor_sockets", "Open visitor sockets", multiprocess_mode="livesum")
FRAMES = Counter("candor_socket_frames_total", "Frames sent to visitors", ["type"])
SLOW_SOCKETS = Counter("candor_slow_sockets_total", "Sockets closed because they did not read")
EVENTS = Counter("candor_events_total", "Events stored")
EVENTS_BATCH = Histogram(
    "candor_events_batch", "Events in a transaction", buckets=(1, 2, 5, 10, 20, 50, 100, 500, 1000)
)
EVENTS_WAITING = Gauge(
    "candor_events_waiting", "Events that wait to be stored", multiprocess_mode="livesum"
)

blueprint = Blueprint("metrics", __name__)


@blueprint.get("/metrics")
def metrics() -> Response:
    registry = REGISTRY
    if os.environ.get("PROMETHEUS_MULTIPROC_DIR"):
        registry = CollectorRegistry()
        multiprocess.MultiProcessCollector(registry)
    return Response(generate_latest(registry), content_type=CONTENT_TYPE_LATEST)
