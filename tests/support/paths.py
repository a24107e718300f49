"""Where the repository's own files are."""

import os
from pathlib import Path

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "examples" / "digits"
SCREENSHOTS = Path(os.environ.get("INC_SCREENSHOTS", ROOT / "dist" / "screenshots"))
"""Pictures of pages in a browser."""
