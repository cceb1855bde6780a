# The image that runs one cell. CUDA comes with torch's own packages, so the base is plain Python 3.11 or newer on Debian.
# `make image` builds it, see image/README.md; `docker build .` does too, but knows nothing of pip's settings on the machine.

ARG BASE_IMAGE=docker.io/library/python:3.11-slim-bookworm
# An image that has been built from the stage `dependencies` before; a change of the project then copies only the project.
ARG DEPENDENCIES=dependencies

FROM ${BASE_IMAGE} AS build
RUN apt-get update && apt-get install --yes --no-install-recommends binutils && rm -rf /var/lib/apt/lists/*
ARG LOCK=requirements/trainer.txt
ARG PRUNE=yes
COPY ${LOCK} /build/lock.txt
COPY image/dependencies.sh image/prune.py /build/
# One step: each further one would store gigabytes again. pip's settings may hold a password, so they are no layer.
RUN --mount=type=secret,id=pip,target=/etc/pip.conf \
    --mount=type=secret,id=certificates,target=/run/secrets/certificates.pem \
    sh /build/dependencies.sh

FROM ${BASE_IMAGE} AS dependencies
# The base's own pip, if it has one, has nothing to do at run time. Libraries ask for the name of the user.
RUN rm -rf /usr/local/lib/python3*/site-packages/* /usr/local/bin/pip* \
    && echo 'nonroot:x:65532:65532::/tmp:/usr/sbin/nologin' >> /etc/passwd \
    && echo 'nonroot:x:65532:' >> /etc/group
# Largest and steadiest first: layers below the one that changes are pulled and stored once.
COPY --from=build /parts/nvidia /
COPY --from=build /parts/torch /
COPY --from=build /parts/rest /

FROM ${DEPENDENCIES} AS trainer
# What libraries write goes under HOME: with a read-only root /tmp is the one place that has to be writable.
ENV PATH=/opt/venv/bin:/usr/local/bin:/usr/bin:/bin \
    PYTHONPATH=/opt/emotion-grid \
    PYTHONDONTWRITEBYTECODE=1 \
    HOME=/tmp
WORKDIR /opt/emotion-grid
COPY LICENSE ./
COPY contract contract/
COPY trainer trainer/
# Before a RUN: buildah 1.28 asks only there whether an argument changed, and would keep the commit of an older build.
ARG VERSION
ARG CODE_VERSION
ARG SOURCE
RUN python -m compileall -q --invalidation-mode unchecked-hash .
USER 65532:65532
ENTRYPOINT ["python", "-m", "trainer"]
ENV CODE_VERSION=${CODE_VERSION}
LABEL org.opencontainers.image.title="emotion-grid trainer" \
      org.opencontainers.image.description="Trains one cell of a grid and publishes one result" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.source="${SOURCE}" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${CODE_VERSION}"
