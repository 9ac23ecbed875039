#!/usr/bin/env bash
# Install the package into a fresh environment, and run the tests that travel with it, outside the
# repository: tools/test_installed.sh PYTHON CONSTRAINTS PACKAGE
set -euo pipefail
constraints=$(realpath "$2")
package=$(realpath "$3")
fresh=$(mktemp -d)
trap 'rm -rf "$fresh"' EXIT
"$1" -m venv "$fresh/venv"
python=$fresh/venv/bin/python
"$python" -m pip install --quiet --disable-pip-version-check -c "$constraints" "$package" pytest
"$python" -m pip check
mkdir "$fresh/elsewhere"
cd "$fresh/elsewhere"
OMP_NUM_THREADS=1 MPLBACKEND=agg "$python" -m pytest -p no:cacheprovider --pyargs geneeg_sk.tests
