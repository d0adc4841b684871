"""Recipes, losses and the Trainer."""
