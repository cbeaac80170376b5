"""What stands in a grid's lists: domains, sizes, models, checkpoints to be made; and the part each has in a name."""

import hashlib
import os
import re
from collections.abc import Mapping
from dataclasses import fields
from typing import Annotated, Any, Literal, Required, TypedDict, TypeVar, get_type_hints
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Discriminator, Field, StrictInt, Tag, ValidationInfo
