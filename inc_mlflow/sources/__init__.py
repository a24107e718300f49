"""Models as frameworks have them: one folder per framework, each loaded in processes of their own alone."""
