# The image holds Python, the packages and the service: no compiler, no pip of its own, nothing that must be written to.
# docs/deploy/container.md says how to run it.
ARG BASE=python:3.13-slim

FROM ${BASE} AS build
RUN python3 -m venv --without-pip /venv
# requirements-celery.txt for CRON_ENGINE=celery: docs/deploy/workers.md.
ARG REQUIREMENTS=requirements.txt
COPY ${REQUIREMENTS} /requirements.txt
RUN python3 -m pip --python /venv/bin/python3 install --no-cache-dir --disable-pip-version-check --no-compile \
    --require-hashes -r /requirements.txt
COPY wsgi.py gunicorn.conf.py /service/
COPY migrations /service/migrations
COPY vettr_cron /service/vettr_cron
# Compiled here, as nothing can be written later; and readable for every user, whatever the umask of the checkout was.
RUN python3 -m compileall -q --invalidation-mode unchecked-hash /venv/lib /service && chmod -R a+rX /venv /service

FROM ${BASE}
COPY --from=build /venv /venv
COPY --from=build /service /service
ENV PATH=/venv/bin:$PATH
WORKDIR /service
USER 10001:10001
EXPOSE 8000
HEALTHCHECK --interval=30s --timeout=5s --start-period=30s CMD ["python3", "-c", \
    "import os, urllib.request as r; r.urlopen(f'http://127.0.0.1:{os.environ.get(\"PORT\") or 8000}/healthz', timeout=4)"]
CMD ["gunicorn", "wsgi:app"]
