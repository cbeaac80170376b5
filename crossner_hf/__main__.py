"""`python -m crossner_hf`, as torchrun needs it."""

import sys

from crossner_hf.cli import main

sys.exit(main())
