# Needs nothing writable but /data and /tmp: runs with a read-only root file system.
FROM python:3.11-slim-bookworm AS build

# Not pinned: Debian keeps only the newest version of a package.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install -y --no-install-recommends tini \
    && rm -rf /var/lib/apt/lists/*

# Wheels only: nothing is compiled from source, no compiler is needed.
COPY requirements.txt /tmp/
RUN python -m venv /opt/venv \
    && /opt/venv/bin/pip install --no-cache-dir --disable-pip-version-check \
        --no-compile --only-binary :all: --no-deps --require-hashes -r /tmp/requirements.txt \
    && /opt/venv/bin/pip check \
    && /opt/venv/bin/pip uninstall --yes setuptools pip \
    && python -m compileall -q --invalidation-mode checked-hash /opt/venv

WORKDIR /opt/candor
COPY LICENSE gunicorn.conf.py worker.py wsgi.py ./
COPY bin bin
COPY migrations migrations
COPY static static
COPY templates templates
COPY app app
# Readable whatever the umask of the checkout was. Bytecode that is valid by hash: some builders
# round the time of a file when they copy it, which would make bytecode stale.
RUN chmod -R u=rwX,go=rX . \
    && chmod 755 bin/candor \
    && python -m compileall -q --invalidation-mode checked-hash .


FROM python:3.11-slim-bookworm

RUN groupadd --gid 10001 candor \
    && useradd --no-log-init --uid 10001 --gid candor --home-dir /data --no-create-home \
        --shell /usr/sbin/nologin candor \
    && install --directory --owner candor --group candor --mode 700 /data

COPY --from=build /usr/bin/tini-static /usr/bin/tini
COPY --from=build /opt/venv /opt/venv
COPY --from=build /opt/candor /opt/candor

ENV PATH=/opt/venv/bin:/opt/candor/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    CANDOR_ENV=production \
    CANDOR_DATA=/data

WORKDIR /opt/candor
# By number, so that an orchestrator can tell that it is not root.
USER 10001:10001
VOLUME /data
EXPOSE 8000

# Asks the port that the container's own command names. A worker or cron alone has none.
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s CMD ["python", "-ISc", "\
import http.client, re, sys; \
command = open('/proc/1/cmdline').read(); \
re.search('candor[^a-z](worker|cron)', command) and sys.exit(); \
port = (re.findall('--port[^0-9]([0-9]+)', command) or ['8000'])[-1]; \
server = http.client.HTTPConnection('localhost', int(port), timeout=4); \
server.request('GET', '/health/ready'); \
sys.exit(server.getresponse().status != 200)"]

ENTRYPOINT ["tini", "--"]
CMD ["candor", "up", "--host", "0.0.0.0"]
