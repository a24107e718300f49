"""KFP components: thin shells over the steps. KFP copies each body's source, so its imports stand inside."""
