"""The loader of libyaml, which most builds of PyYAML have: it is ten times as fast as the one in Python."""

from __future__ import annotations

from typing import Any

import yaml

SafeLoader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
