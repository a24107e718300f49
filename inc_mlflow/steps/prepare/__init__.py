"""Before candidates: check, import, calibrate, fetch the champion."""
