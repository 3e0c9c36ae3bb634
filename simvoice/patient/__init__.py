"""The patient: what she feels, what she says next, and what she keeps to herself. Pure."""
