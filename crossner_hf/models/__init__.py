"""The package's own taggers, each in a file with its config, with the same inputs and outputs.

Importing any of them registers all with transformers. transformers is imported first, because its import triggers the
registration and no module of this package may be half imported then.
"""

import transformers.models.auto.modeling_auto
import transformers.models.auto.tokenization_auto  # noqa: F401
