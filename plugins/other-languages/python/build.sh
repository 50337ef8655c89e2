#!/bin/sh
# Builds the component that plugin.env describes with componentize-py, which requirements.txt names.
set -eu
cd "$(dirname "$0")"
set -a
. ./plugin.env
set +a
mkdir -p build
# A component has no files: the schema becomes a module.
python3 - <<'PY' > build/schema.py
import os
from pathlib import Path
print("SCHEMA =", repr(Path(os.environ["SCHEMA"]).read_text()))
PY
# Everything of WASI is replaced by stubs that trap: the server takes no component that imports a function.
componentize-py --wit-path "$WIT" --world "$WORLD" \
  componentize --stub-wasi --python-path . --python-path build "$MODULE" --output "$COMPONENT"
# The server tries the cases that a component carries before it takes it. They are a custom section of WebAssembly.
python3 - <<'PY'
import os
from pathlib import Path

def length(value: int) -> bytes:
    """A number as WebAssembly writes it: seven bits a byte, the lowest first."""
    return bytes([value]) if value < 128 else bytes([value & 127 | 128]) + length(value >> 7)

name, cases = b"oneclaw:cases", Path(os.environ["CASES"]).read_bytes()
body = length(len(name)) + name + cases
with open(os.environ["COMPONENT"], "ab") as component:
    component.write(b"\0" + length(len(body)) + body)
PY
echo "$COMPONENT made, $(($(wc -c < "$COMPONENT") / 1024)) KiB"
