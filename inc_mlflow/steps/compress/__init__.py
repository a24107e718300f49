"""From baseline to candidates: quantise, search, merge."""
