"""For all tests."""

import simvoice as simvoice  # first: it turns off the telemetry of onnxruntime
