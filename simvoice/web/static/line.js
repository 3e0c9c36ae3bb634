/*
 * The page's microphone and speaker on one WebSocket. The format of the messages is defined in
 * simvoice/devices/browser.py. The audio thread is audio-worklet.js.
 *
 *   const line = new VoiceLine({ echoCancellation: true });
 *   line.addEventListener("level", (e) => meter(e.detail.dbfs));
 *   await line.open();            // asks for the microphone; level events start
 *   await line.connect(url);      // sound flows in both directions
 *   line.stop();
 *
 * Events (CustomEvent, with `detail`):
 *   level      { dbfs, peak, underruns }   about every 20 ms; dbfs -96..0, peak 0..1
 *   message    the parsed JSON of a text message from the server
 *   suspended  {}                    the browser blocks the sound: call resume() from a click
 *   blocked    {}                    3 s later it still does; again 3 s after each resume()
 *   stalled    {}                    the sound plays, but the microphone gave nothing for 3 s
 *   running    {}                    the sound plays again
 *   lost       { reason }            the microphone was unplugged or lost its permission
 *   muted      {} / unmuted {}       the system silences the microphone
 *   closed     { code, reason }      the WebSocket is closed; the line has stopped
 *
 * open() and connect() reject with a LineError. Its `message` is a sentence for the learner.
 * After connect() the first text message to the server is the hello:
 *   { type: "hello", microphone, rate, echoCancellation, noiseSuppression, autoGainControl }
 */

const RATE = 16000;
const HEAD_BYTES = 24;
const LATENCY_OFFSET = 20;
const UNDERRUNS_OFFSET = 12;
const LATENCY_FRAMES = 50; // a second of sound, after which the browser knows its latency
const TICK_MS = 500;
const PATIENCE_TICKS = 6; // 3 s in ticks, not in clock time: a machine that slept has not waited

export class LineError extends Error {}

const REFUSALS = {
  NotAllowedError:
    "The browser may not use the microphone. Allow it for this page and try again.",
  NotFoundError: "No microphone was found. Plug one in and try again.",
  NotReadableError:
    "Another program uses the microphone. Close that program and try again.",
  OverconstrainedError: "The chosen microphone is not connected any more. Choose another one.",
};

export class VoiceLine extends EventTarget {
  /**
   * deviceId: a microphone from microphones(), or null for the browser's default.
   * workletUrl: the address of audio-worklet.js; by default beside this module.
   */
  constructor({
    echoCancellation = true,
    noiseSuppression = true,
    autoGainControl = true,
    deviceId = null,
    workletUrl = new URL("./audio-worklet.js", import.meta.url).href,
  } = {}) {
    super();
    this.constraints = { echoCancellation, noiseSuppression, autoGainControl };
    this.deviceId = deviceId;
    this.workletUrl = workletUrl;
    this.context = null;
    this.stream = null;
    this.node = null;
    this.socket = null;
    this.settings = {};
    this.opening = null;
    this.giveUp = null; // rejects a connect() that waits for the sound
    this.watch = null;
    this.waited = 0; // ticks since the sound flowed, or since the last resume()
    this.frames = 0; // frames since the sound started
    this.latencyMs = 0;
  }

  /** List microphones as { id, label }. Labels are empty until the learner allows open() once. */
  static async microphones() {
    if (!navigator.mediaDevices) return [];
    const all = await navigator.mediaDevices.enumerateDevices();
    return all
      .filter((device) => device.kind === "audioinput")
      .map((device) => ({ id: device.deviceId, label: device.label }));
  }

  /** True once the microphone is open and the browser lets sound flow. */
  get running() {
    return this.context !== null && this.context.state === "running";
  }

  /** Open the microphone and the speaker; a second call does nothing more. */
  open() {
    this.opening ??= this.#open();
    return this.opening;
  }

  async #open() {
    try {
      if (!navigator.mediaDevices || !globalThis.AudioWorkletNode) {
        throw new LineError(
          "This browser gives this page no microphone. Open the page in Firefox, Chromium, Chrome " +
            "or Edge at the address 127.0.0.1.",
        );
      }
      this.stream = await this.#microphone();
      await this.#wire();
    } catch (error) {
      this.stop();
      throw this.#explain(error);
    }
    this.context.addEventListener("statechange", () => this.#reportState());
    this.watch = setInterval(() => this.#tick(), TICK_MS);
    await this.resume();
  }

  /** Ask the browser to play sound. Some browsers need this from a click. Never rejects. */
  async resume() {
    const context = this.context;
    if (context === null || context.state === "closed") return;
    // Without a click resume() may stay pending forever, so report the state at once.
    this.#reportState();
    if (this.running) return;
    this.waited = 0;
    context.resume().catch(() => this.#reportState());
  }

  /** Connect to the server. Resolves when sound flows in both directions. Rejects after stop(). */
  async connect(url) {
    await this.open();
    await this.#untilRunning();
    await new Promise((resolve, reject) => {
      const socket = new WebSocket(url);
      socket.binaryType = "arraybuffer";
      let opened = false;
      socket.addEventListener("open", () => {
        opened = true;
        socket.send(JSON.stringify({ type: "hello", ...this.describe() }));
        this.node.port.postMessage({ type: "connected" });
        this.socket = socket;
        resolve();
      });
      socket.addEventListener("message", (event) => this.#receive(event.data));
      socket.addEventListener("close", (event) => {
        if (!opened) {
          reject(new LineError("The server did not answer. Check that simvoice is still running."));
          return;
        }
        this.socket = null;
        this.stop();
        this.#emit("closed", { code: event.code, reason: event.reason });
      });
    });
  }

  /** Call open() and connect(). */
  async start(url) {
    await this.connect(url);
  }

  /** Send a JSON message to the server, when connected. */
  send(message) {
    if (this.socket !== null && this.socket.readyState === WebSocket.OPEN) {
      this.socket.send(JSON.stringify(message));
    }
  }

  /** Return the real settings of the microphone. They may differ from the requested ones. */
  describe() {
    const track = this.stream === null ? null : this.stream.getAudioTracks()[0];
    return {
      microphone: track === null ? "" : track.label,
      rate: this.settings.sampleRate ?? this.context?.sampleRate ?? RATE, // Firefox tells no rate
      echoCancellation: Boolean(this.settings.echoCancellation),
      noiseSuppression: Boolean(this.settings.noiseSuppression),
      autoGainControl: Boolean(this.settings.autoGainControl),
    };
  }

  /** Close everything. A second call does nothing. */
  stop() {
    this.opening = null;
    clearInterval(this.watch);
    this.giveUp?.(new LineError("The sound was closed before the encounter began."));
    const socket = this.socket;
    this.socket = null;
    if (socket !== null && socket.readyState <= WebSocket.OPEN) socket.close(1000);
    if (this.node !== null) {
      this.node.port.postMessage({ type: "stop" });
      this.node.port.onmessage = null;
      this.node.disconnect();
      this.node = null;
    }
    if (this.stream !== null) {
      for (const track of this.stream.getTracks()) track.stop();
      this.stream = null;
    }
    if (this.context !== null) {
      if (this.context.state !== "closed") this.context.close();
      this.context = null;
    }
  }

  async #microphone() {
    const audio = { channelCount: 1, ...this.constraints };
    if (this.deviceId !== null) audio.deviceId = { exact: this.deviceId };
    const stream = await navigator.mediaDevices.getUserMedia({ audio });
    const track = stream.getAudioTracks()[0];
    this.settings = track.getSettings();
    track.addEventListener("ended", () => {
      this.#emit("lost", { reason: "The microphone was unplugged or switched off." });
    });
    track.addEventListener("mute", () => this.#emit("muted"));
    track.addEventListener("unmute", () => this.#emit("unmuted"));
    return stream;
  }

  async #wire() {
    const source = this.#source();
    await this.context.audioWorklet.addModule(this.workletUrl);
    this.node = new AudioWorkletNode(this.context, "simvoice-line", {
      numberOfInputs: 1,
      numberOfOutputs: 1,
      outputChannelCount: [1],
      channelCount: 1,
      channelCountMode: "explicit",
      channelInterpretation: "speakers",
    });
    this.node.port.onmessage = (event) => this.#captured(event.data);
    source.connect(this.node);
    this.node.connect(this.context.destination);
  }

  /** Make the context and the microphone's node: at 16 kHz, or where the browser refuses that, at
   * the device's own rate, from which the audio thread then resamples. */
  #source() {
    const hints = { latencyHint: "interactive" };
    try {
      this.context = new AudioContext({ sampleRate: RATE, ...hints });
      return this.context.createMediaStreamSource(this.stream);
    } catch (error) {
      if (error.name !== "NotSupportedError") throw error;
      // Firefox makes the context, but may refuse to connect a microphone of another rate to it
      this.context?.close();
      this.context = new AudioContext(hints);
      return this.context.createMediaStreamSource(this.stream);
    }
  }

  #captured(buffer) {
    const head = new DataView(buffer, 0, HEAD_BYTES);
    this.frames += 1;
    if (this.frames === LATENCY_FRAMES) this.#readLatency();
    head.setUint16(LATENCY_OFFSET, this.latencyMs, true);
    this.waited = 0;
    this.#level(new Int16Array(buffer, HEAD_BYTES), head.getUint32(UNDERRUNS_OFFSET, true));
    if (this.socket !== null && this.socket.readyState === WebSocket.OPEN) {
      this.socket.send(buffer);
    }
  }

  /** Read the latency once after each start of the sound. Firefox asks another process for it and
   * waits; at each frame that held up the page, and now and then it stopped Firefox for good. */
  #readLatency() {
    const input = this.settings.latency ?? 0;
    const output = this.context.outputLatency || this.context.baseLatency || 0;
    this.latencyMs = Math.max(0, Math.min(2000, Math.round(1000 * (input + output))));
  }

  #level(pcm, underruns) {
    let power = 0;
    let peak = 0;
    for (const sample of pcm) {
      power += sample * sample;
      peak = Math.max(peak, Math.abs(sample));
    }
    const mean = power / pcm.length / (32768 * 32768);
    const dbfs = mean > 0 ? Math.max(-96, 10 * Math.log10(mean)) : -96;
    this.#emit("level", { dbfs, peak: peak / 32768, underruns });
  }

  #receive(data) {
    if (typeof data !== "string") {
      if (this.node !== null) this.node.port.postMessage(data, [data]);
      return;
    }
    this.#emit("message", JSON.parse(data));
  }

  #untilRunning() {
    if (this.running) return Promise.resolve();
    return new Promise((resolve, reject) => {
      this.giveUp = reject;
      this.context.addEventListener("statechange", () => {
        if (this.running) resolve();
      });
    });
  }

  #tick() {
    this.waited += 1;
    if (this.waited === PATIENCE_TICKS) this.#emit(this.running ? "stalled" : "blocked");
  }

  #reportState() {
    if (this.context === null || this.context.state === "closed") return;
    if (this.running) this.frames = 0;
    this.#emit(this.running ? "running" : "suspended");
  }

  #emit(name, detail = {}) {
    this.dispatchEvent(new CustomEvent(name, { detail }));
  }

  #explain(error) {
    const known = REFUSALS[error.name];
    if (known !== undefined) return new LineError(known);
    if (error instanceof LineError) return error;
    if (error.name === "NotSupportedError") {
      return new LineError(
        "This browser cannot connect this microphone to the page. Use Firefox, Chromium, Chrome or Edge.",
      );
    }
    return new LineError(`The sound could not be opened (${error.message}). Reload the page.`);
  }
}
