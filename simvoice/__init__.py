"""simvoice: speak aloud with a simulated patient, locally, and see how you listened."""

import logging
import os

# onnxruntime sends telemetry unless this is set before its import. Here it holds for every module
# of the package, for the libraries that import onnxruntime by themselves (piper, faster-whisper),
# and for worker processes, which inherit the environment.
os.environ["ORT_DISABLE_TELEMETRY"] = "1"
# huggingface_hub names the program that runs it, and asks the hub for a list of programs to do so.
os.environ["HF_HUB_DISABLE_TELEMETRY"] = "1"

# Without a log (`simvoice.log`), as in a program that imports simvoice, nothing is printed.
logging.getLogger(__name__).addHandler(logging.NullHandler())

__version__ = "0.1.0"
