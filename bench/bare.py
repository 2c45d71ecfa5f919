"""The ceilings: a bare Flask view, and a bare flask-sock echo of a Redis channel."""

from __future__ import annotations

import os
from threading import Thread

from flask import Flask
from flask_sock import Sock
from redis import Redis

app = Flask(__name__)
sock = Sock(app)
opened: list = []


@app.get("/")
def view():
    return "ok"


@app.post("/empty")
def empty():
    return "", 204


@sock.route("/ws")
def socket(ws):
    if not opened:
        Thread(target=follow, daemon=True).start()
    opened.append(ws)
    while True:
        ws.receive()


def follow():
    channel = Redis.from_url(os.environ["REDIS_URL"]).pubsub()
    channel.subscribe("bare")
    for message in channel.listen():
        if message["type"] == "message":
            text = message["data"].decode()
            for ws in opened:
                ws.send(text)
