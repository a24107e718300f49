"""From baseline to candidate: static and dynamic quantisation, and options that recover accuracy."""
