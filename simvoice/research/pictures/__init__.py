"""Pictures of conversations for print and slides, readable without colour."""
