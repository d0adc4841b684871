"""What an answer needs besides the weights, fitted to pictures and written into the checkpoint."""
