"""The steps: files in, files and one record out; command line and components call the same functions."""
