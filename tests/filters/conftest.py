"""The oracle beside these tests, by its path: tests are no package."""

import importlib.util
import sys
from pathlib import Path

_spec = importlib.util.spec_from_file_location("filter_oracle", Path(__file__).with_name("oracle.py"))
sys.modules["filter_oracle"] = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(sys.modules["filter_oracle"])
