"""What the paper's related work proposes, each method small and measured against its own absence on paired seeds."""
