"""What the hub keeps: the database, and the sound in a store of objects."""
