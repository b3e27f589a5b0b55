"""``python -m spatial``."""

import sys

from spatial.cli import main

sys.exit(main())
