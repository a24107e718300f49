"""Prepare for candidates: check, import, calibrate, fetch the champion."""
