"""Sound devices. Every device here is a `simvoice.ports.AudioLine`."""
