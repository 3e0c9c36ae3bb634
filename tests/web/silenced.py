"""Scripts for a page: a browser that treats sound as other browsers do."""

from __future__ import annotations

NEVER_STARTS = """
globalThis.AudioContext = class extends AudioContext {
  constructor(options) {
    super(options);
    super.suspend();
  }
  resume() {
    return window.letStart ? super.resume() : new Promise(() => {});
  }
};
"""
"""The sound starts only when a test sets `window.letStart` and the page then asks again."""


def refuses_16_khz(device_rate: int) -> str:
    """Return a script: an AudioContext has the device's rate, in hertz, and takes no other."""
    return f"""
globalThis.AudioContext = class extends AudioContext {{
  constructor(options = {{}}) {{
    if (options.sampleRate !== undefined) {{
      throw new DOMException("no other rate", "NotSupportedError");
    }}
    super({{ ...options, sampleRate: {device_rate} }});
  }}
}};
"""


REFUSES_MICROPHONE = """
AudioContext.prototype.createMediaStreamSource = (create => function (stream) {
  if (this.sampleRate === 16000) throw new DOMException("another rate", "NotSupportedError");
  return create.call(this, stream);
})(AudioContext.prototype.createMediaStreamSource);
"""
"""As Firefox did: a context at 16 kHz is made, but takes no microphone at another rate."""

DELIVERS_NOTHING = """
Object.defineProperty(MessagePort.prototype, "onmessage", { set() {} });
"""
"""The sound runs, but the page never gets a frame from its audio thread."""
