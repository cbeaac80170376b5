"""Registration of the name `crossner` with `datasets`, for `load_dataset("crossner", "music")`.

`datasets` has no plug-in point for names. Its table of packaged modules makes it look here, but the factory behind the
table would search the current directory for data files (datasets/load.py, PackagedDatasetModuleFactory), so its
`get_module` is wrapped for this one name. Both are private. If either is missing, importing still works and a warning
names the public way, `crossner_hf.load`.
"""

import functools
import logging
from typing import Any

logger = logging.getLogger(__name__)


def register() -> None:
    """Make `crossner` a name that `datasets` knows. Safe to call again."""
    try:
        from datasets import load as loading
        from datasets.packaged_modules import _PACKAGED_DATASETS_MODULES as table

        factory = loading.PackagedDatasetModuleFactory
        original = factory.get_module
    except (ImportError, AttributeError) as error:
        logger.warning(
            'this release of datasets has no place to register a name (%s): load_dataset("crossner", …) is not '
            'available; use crossner_hf.load("music")',
            error,
        )
        return
    if getattr(original, "registers_crossner", False):
        return

    @functools.wraps(original)
    def get_module(self: Any) -> Any:
        return _dataset_module(self) if self.name == "crossner" else original(self)

    get_module.registers_crossner = True  # type: ignore[attr-defined]
    factory.get_module = get_module
    table["crossner"] = ("crossner_hf.data.builder", "set by get_module")


def _dataset_module(factory: Any) -> Any:
    """What `datasets` needs to build a configuration: the builder, the configurations, the cache key."""
    from pathlib import Path

    from datasets import load as loading
    from datasets.data_files import DataFilesPatternsDict

    from crossner_hf.data import builder
    from crossner_hf.schema import BUILT_IN, DOMAIN_FILE, get_domain

    if factory.data_files is not None:
        raise ValueError('load_dataset("crossner", …) takes data_dir=, the folder of the files, not data_files=')
    names = list(BUILT_IN)
    if factory.data_dir and (Path(factory.data_dir).expanduser() / DOMAIN_FILE).is_file():
        names.append(get_domain(Path(factory.data_dir).expanduser()).name)
    # Empty patterns: `load_dataset` refuses a registered name whose first configuration has no data_files at all.
    configs = [builder.CrossNERConfig(name=name, data_files=DataFilesPatternsDict()) for name in names]
    return loading.DatasetModule(
        builder.__name__,
        builder.fingerprint(factory.data_dir),
        {"dataset_name": builder.NAME},
        builder_configs_parameters=loading.BuilderConfigsParameters(builder_configs=configs),
    )
