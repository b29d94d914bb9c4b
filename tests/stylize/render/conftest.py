from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

# Tests are imported by file (importlib mode), so a helper module beside them has to be put in place by hand.
_spec = importlib.util.spec_from_file_location("render_pictures", Path(__file__).with_name("pictures.py"))
assert _spec is not None
assert _spec.loader is not None
_module = importlib.util.module_from_spec(_spec)
sys.modules["render_pictures"] = _module
_spec.loader.exec_module(_module)
