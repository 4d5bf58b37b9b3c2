"""``python -m tflgpuc``."""

import sys

from tflgpuc.cli import main

sys.exit(main())
