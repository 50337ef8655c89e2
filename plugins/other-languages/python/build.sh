#!/bin/sh
# Builds change_freeze.wasm with componentize-py, which `requirements.txt` names.
set -eu
cd "$(dirname "$0")"
mkdir -p build
# A component has no files: the schema becomes a module.
python3 - <<'PY' > build/schema.py
from pathlib import Path
print("SCHEMA =", repr(Path("../../examples/change-freeze/src/settings.schema.json").read_text()))
PY
# Everything of WASI is replaced by stubs that trap: the server takes no component that imports a function.
componentize-py --wit-path ../../../wit/policy --world access-policy \
  componentize --stub-wasi --python-path . --python-path build change_freeze --output change_freeze.wasm
