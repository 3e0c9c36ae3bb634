"""Is everything here that an encounter needs? Each check is a name, a state and a sentence."""
