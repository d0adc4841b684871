"""HAM10000 tables and folders, honest splits, torch data sets."""
