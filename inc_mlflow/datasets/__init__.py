"""Where rows come from. The table of formats is registry/datasets.py."""
