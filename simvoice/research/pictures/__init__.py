"""Pictures of conversations, for print and slides, told apart without colour."""
