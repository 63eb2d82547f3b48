# One image for the code server, the webserver, the daemon and the sandbox: they must agree on every version.
FROM python:3.13-slim AS build
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
WORKDIR /opt/joulehouse
RUN python -m venv /opt/venv
COPY requirements*.lock ./
RUN /opt/venv/bin/pip install --quiet --require-hashes --requirement requirements.lock
# What not every image needs, by name and with spaces between: --build-arg EXTRAS="kubernetes".
ARG EXTRAS=""
RUN for extra in $EXTRAS; do \
      /opt/venv/bin/pip install --quiet --require-hashes --requirement requirements-$extra.lock || exit 1; \
    done
COPY pyproject.toml README.md workspace.yaml ./
COPY domain domain
COPY providers providers
COPY warehouse warehouse
COPY resources resources
COPY assets assets
COPY pipelines pipelines
COPY sandbox sandbox
# Editable, so that assets/<source>/defs.yaml can be mounted over the image's own and is found where the code is; built
# with the locked setuptools, because a build in isolation would fetch one without a hash.
RUN /opt/venv/bin/pip install --quiet --no-deps --no-build-isolation --editable . \
 && /opt/venv/bin/python -m compileall -q .

FROM python:3.13-slim
RUN useradd --uid 10001 --create-home --home-dir /var/lib/joulehouse --shell /usr/sbin/nologin joulehouse \
 && install -d -o joulehouse -g joulehouse -m 0700 /var/lib/joulehouse/landing /var/lib/joulehouse/spool /var/lib/joulehouse/dagster
COPY --from=build /opt/venv /opt/venv
COPY --from=build /opt/joulehouse /opt/joulehouse
ENV PATH=/opt/venv/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    DAGSTER_HOME=/var/lib/joulehouse/dagster \
    DAGSTER_DISABLE_TELEMETRY=1 \
    JOULEHOUSE_HOME=/var/lib/joulehouse \
    MPLCONFIGDIR=/tmp/matplotlib
WORKDIR /opt/joulehouse
USER joulehouse
CMD ["joulehouse", "doctor"]
