"""The steps: files in, files and one record out.

Command line, components and tests call the same functions.
"""
