"""From baseline to candidate: static and dynamic quantisation, and what helps them."""
