"""Tests of this folder change the kernel's state, in namespaces of their own."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
