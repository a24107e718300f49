"""From records to a verdict, and from a verdict to a promotion."""
