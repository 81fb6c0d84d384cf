"""``python -m relu_fast`` is ``relu-fast``."""

import sys

from .cli import main

sys.exit(main())
