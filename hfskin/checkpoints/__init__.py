"""A checkpoint folder, and the one owner of its rules: file names, loading, saving, fetching, history."""
