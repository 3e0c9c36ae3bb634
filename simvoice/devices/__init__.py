"""Where sound enters and leaves. Every device here is a `simvoice.ports.AudioLine`."""
