#!/bin/sh
# Run in the build stage: the lock file's packages, pruned and compiled, in three parts under /parts.
set -eu

python3 -m venv /opt/venv
/opt/venv/bin/pip install --no-compile --no-cache-dir --require-hashes --requirement /build/lock.txt
/opt/venv/bin/pip uninstall --quiet --yes pip
packages=$(echo /opt/venv/lib/python3*/site-packages)

if [ "$PRUNE" = yes ]; then
  /opt/venv/bin/python /build/prune.py "$packages"
fi

# Compiling at each start would cost a cell seconds. Unchecked: layers need not keep the times of the sources.
# One file of torch's tests is written in the grammar of Python 3.12.
/opt/venv/bin/python -m compileall -q -j 0 -x /py312_intrinsics.py --invalidation-mode unchecked-hash "$packages"

for name in nvidia torch triton; do
  case $name in nvidia) part=nvidia ;; *) part=torch ;; esac
  mkdir -p "/parts/$part$packages"
  mv "$packages/$name" "/parts/$part$packages/"
done
mkdir -p /parts/rest/opt
mv /opt/venv /parts/rest/opt/
