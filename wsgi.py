"""What gunicorn serves: `gunicorn -c gunicorn.conf.py wsgi:app`."""

from app import create_app
from app.core import logs
from app.tracking.bots import crawlers
from app.tracking.devices import resolver

logs.configure()
app = create_app()
# What each web process needs and no other, before they fork.
crawlers()
resolver()
