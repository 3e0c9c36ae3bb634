"""simvoice: speak aloud with a simulated patient, locally, and see how you listened."""

__version__ = "0.1.0"
