"""The report of jobs: one page without scripts, with its twins in Markdown and CSV."""
