# What is in the image: its own packages are looked at by tools that it does not hold.
ARG DEPENDENCIES

FROM ${DEPENDENCIES} AS scan
COPY requirements/scan.txt /scan/lock.txt
RUN --mount=type=secret,id=pip,target=/etc/pip.conf \
    --mount=type=secret,id=certificates,target=/run/secrets/certificates.pem \
    python3 -m venv /scan/tools \
    && /scan/tools/bin/pip install --quiet --no-cache-dir --require-hashes --requirement /scan/lock.txt
RUN mkdir /found && /scan/tools/bin/cyclonedx-py environment --output-file /found/sbom.cdx.json /opt/venv/bin/python
# An answer of another day is no answer. pip-audit ends alike when it found something and when nobody answered it:
# whoever reads the two files sees which.
ARG TODAY
RUN --mount=type=secret,id=certificates,target=/run/secrets/certificates.pem \
    if [ -s /run/secrets/certificates.pem ]; then export REQUESTS_CA_BUNDLE=/run/secrets/certificates.pem; fi; \
    /scan/tools/bin/pip-audit --progress-spinner off --format json --output /found/vulnerabilities.json \
      --path /opt/venv/lib/python3*/site-packages 2> /found/pip-audit.log || test $? = 1

FROM scratch AS found
COPY --from=scan /found/ /
