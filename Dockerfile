# hookline as a service. `docker build -t hookline .`, then `docker run hookline --help`; docker-compose.yml runs all of it.
# Everything installed is pinned by hash; the image runs as a user without rights and writes only to /var/lib/hookline.

ARG PYTHON=python:3.12-slim

# 1. The wheel, built with the pinned build backend (it stands among the developers' requirements).
FROM ${PYTHON} AS wheel
WORKDIR /src
COPY requirements-dev.txt ./
RUN pip install --no-cache-dir --disable-pip-version-check --require-hashes -r requirements-dev.txt
COPY . ./
RUN pip wheel --no-cache-dir --disable-pip-version-check --no-deps --no-build-isolation --wheel-dir /dist .

# 2. What runs: the pinned requirements, then the wheel (pip refuses both in one step: the wheel has no hash).
FROM ${PYTHON} AS venv
RUN python -m venv /opt/hookline
ENV PATH=/opt/hookline/bin:$PATH
COPY requirements.txt ./
RUN pip install --no-cache-dir --disable-pip-version-check --require-hashes -r requirements.txt
COPY --from=wheel /dist/ /dist/
RUN pip install --no-cache-dir --disable-pip-version-check --no-deps --no-index /dist/*.whl \
    && pip check

# 3. The image: no compiler, no pip cache, no source tree.
FROM ${PYTHON}
RUN groupadd --system --gid 10001 hookline \
    && useradd --system --uid 10001 --gid hookline --home-dir /var/lib/hookline --shell /usr/sbin/nologin hookline \
    && install --directory --owner=hookline --group=hookline --mode=0750 /var/lib/hookline
COPY --from=venv /opt/hookline /opt/hookline
ENV PATH=/opt/hookline/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    HOOKLINE_DATA=/var/lib/hookline
USER hookline
WORKDIR /var/lib/hookline
VOLUME /var/lib/hookline
# 8787 takes webhooks; 8788 (metrics, health) is never public.
EXPOSE 8787 8788
STOPSIGNAL SIGTERM
ENTRYPOINT ["hookline"]
CMD ["--help"]
