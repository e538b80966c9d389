"""Sources: data sets that can be opened, and whose rows are read by index, lazily."""
