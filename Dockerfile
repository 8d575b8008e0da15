# syntax=docker/dockerfile:1
# docker build --build-arg COMMIT="$(git rev-parse HEAD)" --tag tasuki .

FROM python:3.11-slim AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
WORKDIR /app
RUN python -m venv /venv
# The lock first: this layer is made again only when the lock changes.
COPY requirements/core.lock requirements/core.lock
RUN /venv/bin/python -m pip install --require-hashes --requirement requirements/core.lock
COPY . .
RUN /venv/bin/python -m pip install --no-deps --no-build-isolation --editable . \
 && /venv/bin/python -m compileall -q schemas routing_rules worker

FROM python:3.11-slim
ARG COMMIT=unknown
LABEL org.opencontainers.image.title="tasuki" \
      org.opencontainers.image.description="Carries a lead from marketing to sales without dropping it." \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.revision="${COMMIT}"
ENV PATH="/venv/bin:${PATH}" PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
RUN useradd --system --uid 10001 --home-dir /nonexistent --shell /usr/sbin/nologin tasuki
RUN install --directory --owner=10001 --group=10001 --mode=0700 /spool
COPY --from=build /venv /venv
COPY --from=build /app /app
WORKDIR /app
USER 10001:10001
# Exec form, no shell in between: SIGTERM reaches the worker, which then finishes what it holds (a warm stop).
STOPSIGNAL SIGTERM
ENTRYPOINT ["tasuki"]
CMD ["worker"]
HEALTHCHECK --interval=30s --timeout=10s --start-period=20s --retries=3 CMD ["tasuki", "doctor", "--quick"]
