"""A provider that is made up: the bank, the adapter that docs/how-to/add-a-provider.md shows, and the suite's house."""
