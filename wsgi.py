"""What gunicorn serves: `gunicorn -c gunicorn.conf.py wsgi:app`."""

from app import create_app
from app.core import logs

logs.configure()
app = create_app()
