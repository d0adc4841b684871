"""What travels to the Hub: this folder imports nothing of hfskin outside itself."""
