"""``python -m relu_fast.accuracy``: the same as ``relu-fast accuracy``."""

import sys

from ..cli import main

if __name__ == "__main__":
    raise SystemExit(main(["accuracy", *sys.argv[1:]]))
