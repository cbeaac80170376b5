"""Taggers of this package's own: each in a file with its config, under one contract of inputs and outputs.

Importing any of them makes all known to transformers. It is imported first, since that is when they are registered: a
module of this package must not be half imported then.
"""

import transformers.models.auto.modeling_auto
import transformers.models.auto.tokenization_auto  # noqa: F401
