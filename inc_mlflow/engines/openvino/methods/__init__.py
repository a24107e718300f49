"""Methods of OpenVINO."""
