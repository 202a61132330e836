#!/usr/bin/env python3
"""The guard itself: each kind of wrong include is found, right ones are not."""
import contextlib
import io
import os
import sys
import tempfile

import layers

RIGHT = {
    "backend/base/a.h": "",
    "backend/format/b.h": '#include "backend/base/a.h"\n',
    "backend/format/c.h": '#include <openssl/evp.h>\n#include "backend/format/b.h"\n',
    "tools/cli/d.h": '#include "backend/format/c.h"\n',
    "tools/pg/e.c": '#include "tools/cli/d.h"\n',
    "tools/main.c": '#include "tools/cli/d.h"\n',
    "tests/f.c": '#include "backend/base/a.h"\n#include <sqlite3.h>\n',
}
WRONG = {
    "goes up": {"backend/base/x.h": '#include "backend/format/b.h"\n'},
    "goes sideways": {"backend/store/x.h": '#include "backend/format/b.h"\n'},
    "tools/redis and tools/pg": {"tools/redis/x.c": '#include "tools/pg/y.h"\n', "tools/pg/y.h": ""},
    "not written from the root": {"backend/base/x.h": '#include "a.h"\n'},
    "no part of the program": {"backend/base/x.h": '#include "tests/z.h"\n', "tests/z.h": ""},
    "belongs to": {"backend/repo/x.c": "#include <openssl/evp.h>\n"},
    "cycle": {
        "backend/base/x.h": '#include "backend/base/y.h"\n',
        "backend/base/y.h": '#include "backend/base/x.h"\n',
    },
}


def run(files):
    with tempfile.TemporaryDirectory() as root:
        for path, text in files.items():
            os.makedirs(os.path.dirname(os.path.join(root, path)), exist_ok=True)
            with open(os.path.join(root, path), "w", encoding="utf-8") as file:
                file.write(text)
        out = io.StringIO()
        with contextlib.redirect_stdout(out):
            status = layers.main(root)
        return status, out.getvalue()


def main():
    status, out = run(RIGHT)
    assert status == 0, out
    for wanted, more in WRONG.items():
        status, out = run({**RIGHT, **more})
        assert status == 1 and wanted in out, (wanted, out)
    return 0


if __name__ == "__main__":
    sys.exit(main())
