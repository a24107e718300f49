"""Models of several graphs: a function of the user's runs their parts, another engine runs each part."""
