# One image for every process of the panel: web, worker, dispatcher, reaper (compose.yaml names their commands).
FROM python:3.11-slim AS packages
WORKDIR /srv/cutover
COPY requirements.txt .
RUN python -m venv /opt/venv \
    && /opt/venv/bin/pip install --no-cache-dir --disable-pip-version-check --no-deps --require-hashes \
        --requirement requirements.txt

FROM python:3.11-slim
# pg_dump and pg_restore: the worker chooses the version that suits each server; Debian's stands in first.
# Node.js and npm run the Prisma CLI of the project that PRISMA_PROJECT names, which is mounted or built in.
RUN apt-get update \
    && apt-get install --yes --no-install-recommends nodejs npm postgresql-client \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --system --uid 10001 --home-dir /var/lib/cutover --create-home cutover
COPY --from=packages /opt/venv /opt/venv
ENV PATH=/opt/venv/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    CUTOVER_DATA=/var/lib/cutover \
    STATIC_ROOT=/srv/cutover/static-collected
WORKDIR /srv/cutover
COPY . .
# Keys made for this one command stay in a folder that is thrown away: no image carries a key.
RUN CUTOVER_DATA=/tmp/build python manage.py collectstatic --no-input && rm -rf /tmp/build
USER cutover
VOLUME /var/lib/cutover
EXPOSE 8000
CMD ["uvicorn", "cutover.asgi:application", "--host", "0.0.0.0", "--port", "8000", "--lifespan", "off", "--timeout-graceful-shutdown", "5", "--no-access-log", "--no-proxy-headers"]
