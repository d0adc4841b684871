"""How the published checkpoint was made."""
