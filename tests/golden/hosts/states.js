// small on WebGPU, made by tflgpuc 0.1.0. Don't edit.

/**
 * Runs a model on the GPU of the browser.
 *
 *     import { Model } from "./small.js";
 *
 *     const model = await Model.create();
 *     const outputs = await model.run(inputs); // names to typed arrays; see Model.inputs and Model.outputs
 *
 * Tensors are row-major arrays. A model belongs to its device and thread. Calls may overlap: each begins when
 * the one before has ended. Nothing is allocated on the GPU after create, but for the first profile and
 * for bind groups of buffers that runOnGpu hasn't seen the time before.
 */

/** Bytes of each buffer: arena, weights, input:x, state:v, state:w. */
const BUFFERS = [512, 8, 8, 8, 8];
const WEIGHTS = 1;

/** Name, file, and what each binding may do: read, or write too. */
const PROGRAMS = [
  ["add_1x1x2", "wgsl/add_1x1x2.wgsl", "wrr"],
  ["add_1x1x2_2", "wgsl/add_1x1x2_2.wgsl", "wrw"],
  ["copy_1x1x2", "wgsl/copy_1x1x2.wgsl", "wr"],
];

/** Program, work groups, and bindings: buffer, offset, bytes. */
const STEPS = [
  [0, [1, 1, 1], [[0, 0, 16], [3, 0, 8], [2, 0, 8]]], // ADD 5
  [1, [1, 1, 1], [[0, 256, 16], [4, 0, 8], [0, 0, 16]]], // ADD 6
  [2, [1, 1, 1], [[3, 0, 8], [0, 0, 16]]], // ADD 5
  [2, [1, 1, 1], [[4, 0, 8], [0, 256, 16]]], // ADD 6
];

const INPUTS = [
  { name: "x", dtype: "f32", shape: [2], array: Float32Array, count: 2, place: [2, 0, 8], own: true, host: null },
];

const OUTPUTS = [
  { name: "y", dtype: "f32", shape: [2], array: Float32Array, count: 2, place: [3, 0, 8], own: false, host: null },
  { name: "z", dtype: "f32", shape: [2], array: Float32Array, count: 2, place: [4, 0, 8], own: false, host: null },
];

/** What is kept from run to run; `initial` is a range of the weights, null zeros. */
const STATES = [
  {
    name: "v",
    old: { dtype: "f32", shape: [2], array: Float32Array, count: 2, place: [3, 0, 8], host: null },
    next: { dtype: "f32", shape: [2], array: Float32Array, count: 2, place: [3, 0, 8], host: null },
    moves: false,
    initial: [1, 0, 8],
  },
  {
    name: "w",
    old: { dtype: "f32", shape: [2], array: Float32Array, count: 2, place: [4, 0, 8], host: null },
    next: { dtype: "f32", shape: [2], array: Float32Array, count: 2, place: [4, 0, 8], host: null },
    moves: false,
    initial: null,
  },
];

/** Limits in which a device may exceed WebGPU's defaults, and has to for a large model. */
const LIMITS = [
  "maxBufferSize",
  "maxStorageBufferBindingSize",
  "maxStorageBuffersPerShaderStage",
  "maxComputeInvocationsPerWorkgroup",
  "maxComputeWorkgroupSizeX",
  "maxComputeWorkgroupSizeY",
  "maxComputeWorkgroupSizeZ",
  "maxComputeWorkgroupStorageSize",
];
const STAGING = 16;

const words = (bytes) => Math.ceil(bytes / 4) * 4;
const described = ({ name, dtype, shape }) => Object.freeze({ name, dtype, shape: Object.freeze([...shape]) });

export class Model {
  /** Name, element type and shape of each input and output. */
  static inputs = INPUTS.map(described);
  static outputs = OUTPUTS.map(described);

  #device;
  #owned;
  #pipelines = [];
  #buffers = [];
  #groups = [];
  #others = null;
  #staging;
  #weights;
  #timing = null;
  #turn = Promise.resolve();
  #gone = "";

  constructor(device, owned) {
    this.#device = device;
    this.#owned = owned;
    device.lost.then((lost) => (this.#gone ||= `the GPU is lost: ${lost.message || lost.reason}`));
  }

  /**
   * Compiles the programs and uploads the weights.
   *
   * `base` is the bundle's folder, by default the one that this file is in; `files` gives some of its files
   * as bytes or text, by path, instead. Without `device` one is asked for. Throws an Error with what the
   * driver says of it.
   */
  static async create({ base = new URL("../../", import.meta.url), device, files = {} } = {}) {
    const model = new Model(device ?? (await openDevice()), !device);
    try {
      const read = (path) => files[path] ?? download(new URL(path, base));
      await model.#checked("the model", () => model.#create(read));
    } catch (error) {
      model.close();
      throw error;
    }
    return model;
  }

  /** The device that the model runs on. */
  get device() {
    return this.#device;
  }

  /** One inference: typed arrays of all inputs, by name, to new ones of the outputs. */
  run(inputs) {
    return this.#next(async () => {
      check(inputs, INPUTS);
      for (const input of INPUTS) {
        if (input.place) this.#write(input.place, inputs[input.name]);
      }
      return this.#checked("the run", async () => {
        const encoder = await this.#steps(this.#groups);
        return this.#read(OUTPUTS, encoder);
      });
    });
  }

  /**
   * One inference from buffers of the device to others of it: GPUBuffers by name, for which usage STORAGE
   * and both COPY usages are needed. Resolves when all is submitted, without waiting for the GPU. A port that is
   * missing means the model's own buffer; an input's buffer mustn't be an output's too.
   */
  runOnGpu(inputs = {}, outputs = {}) {
    return this.#next(() =>
      this.#checked("the run", async () => {
        const bound = [...this.#buffers];
        const before = this.#device.createCommandEncoder();
        for (const port of INPUTS) this.#stand(port, inputs[port.name], bound, before, true);
        this.#device.queue.submit([before.finish()]);
        for (const port of OUTPUTS) this.#stand(port, outputs[port.name], bound, null, false);
        const encoder = await this.#steps(this.#bindings(bound), bound);
        for (const { name, place, own } of OUTPUTS) {
          const given = outputs[name];
          if (!given || own || !place) continue;
          encoder.copyBufferToBuffer(bound[place[0]], place[1], given, 0, words(place[2]));
        }
        this.#keep(encoder, bound);
        this.#device.queue.submit([encoder.finish()]);
      }),
    );
  }

  /** The model's own buffers of inputs and outputs: {buffer, offset} by name. */
  gpuBuffers() {
    const ports = [...INPUTS, ...OUTPUTS].filter(({ place }) => place);
    return Object.fromEntries(
      ports.map(({ name, place }) => [name, { buffer: this.#buffers[place[0]], offset: place[1] }]),
    );
  }

  /**
   * One inference with the time of each dispatch by the device's clock: {program, ops, milliseconds} in order.
   * Empty where the device lacks timestamp-query.
   */
  profile(inputs) {
    return this.#next(async () => {
      check(inputs, INPUTS);
      if (!this.#device.features.has("timestamp-query")) return [];
      for (const input of INPUTS) if (input.place) this.#write(input.place, inputs[input.name]);
      return this.#checked("the profile", () => this.#timed());
    });
  }

  /** Puts every state back to what it is before the first run. */
  reset() {
    return this.#next(() => this.#checked("reset", () => this.#reset()));
  }

  /** Gives the GPU's memory back; of a device that create asked for, the device too. */
  close() {
    this.#gone ||= "the model is closed";
    for (const buffer of [...this.#buffers, this.#staging, this.#timing?.stamps]) buffer?.destroy();
    this.#timing?.queries.destroy();
    if (this.#owned) this.#device.destroy();
  }

  // --- creation ---

  async #create(read) {
    const { limits } = this.#device;
    const needed = [
      ["maxStorageBufferBindingSize", 16],
      ["maxStorageBuffersPerShaderStage", 3],
      ["maxBufferSize", Math.max(...BUFFERS)],
    ];
    for (const [name, value] of needed) {
      if (limits[name] < value) throw new Error(`the device's ${name} is ${limits[name]}; the model needs ${value}`);
    }
    const { minStorageBufferOffsetAlignment: aligned } = limits;
    if (256 % aligned) throw new Error(`the device aligns buffers to ${aligned}`);
    const weights = BUFFERS[WEIGHTS] ? await bytes(read("weights.bin")) : new Uint8Array();
    if (weights.byteLength !== BUFFERS[WEIGHTS]) throw new Error("weights.bin isn't this model's");
    this.#pipelines = await this.#compile(read);
    const usage = GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_SRC | GPUBufferUsage.COPY_DST;
    this.#buffers = BUFFERS.map((size) => this.#device.createBuffer({ size: Math.max(16, words(size)), usage }));
    if (weights.byteLength) this.#write([WEIGHTS, 0, weights.byteLength], weights);
    this.#weights = weights;
    this.#staging = this.#device.createBuffer({
      size: STAGING,
      usage: GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST,
    });
    this.#groups = this.#grouped(this.#buffers);
    await this.#reset();
  }

  /** All pipelines, compiled side by side. */
  async #compile(read) {
    const device = this.#device;
    const layouts = new Map();
    const layout = (access) => {
      if (!layouts.has(access)) {
        const entries = [...access].map((letter, binding) => ({
          binding,
          visibility: GPUShaderStage.COMPUTE,
          buffer: { type: letter === "w" ? "storage" : "read-only-storage" },
        }));
        const group = device.createBindGroupLayout({ entries });
        layouts.set(access, device.createPipelineLayout({ bindGroupLayouts: [group] }));
        layouts.get(access).group = group;
      }
      return layouts.get(access);
    };
    return Promise.all(
      PROGRAMS.map(async ([name, file, access]) => {
        const module = device.createShaderModule({ label: name, code: await text(read(file)) });
        const shared = layout(access);
        try {
          const compute = { module, entryPoint: "main" };
          const pipeline = await device.createComputePipelineAsync({ label: name, layout: shared, compute });
          return { pipeline, layout: shared.group };
        } catch (error) {
          const { messages } = await module.getCompilationInfo();
          const log = messages.map((m) => `${m.lineNum}:${m.linePos}: ${m.type}: ${m.message}`).join("\n");
          throw new Error(`${name}: the driver refuses it:\n${log || error.message}`);
        }
      }),
    );
  }

  /** A bind group for each step. */
  #grouped(buffers) {
    return STEPS.map(([program, , bindings]) =>
      this.#device.createBindGroup({
        layout: this.#pipelines[program].layout,
        entries: bindings.map(([buffer, offset, size], binding) => ({
          binding,
          resource: { buffer: buffers[buffer], offset, size: words(size) },
        })),
      }),
    );
  }

  /** The bind groups of buffers, some of which are the app's: those of the last time, if they are the same. */
  #bindings(bound) {
    if (bound.every((buffer, i) => buffer === this.#buffers[i])) return this.#groups;
    if (!this.#others?.bound.every((buffer, i) => buffer === bound[i])) {
      this.#others = { bound, groups: this.#grouped(bound) };
    }
    return this.#others.groups;
  }

  // --- a run ---

  /** Runs `call` when the one before has ended. */
  #next(call) {
    const result = this.#turn.then(() => {
      if (this.#gone) throw new Error(this.#gone);
      return call();
    });
    this.#turn = result.catch(() => {});
    return result;
  }

  /** What `call` gives; what the driver refuses in it becomes an Error. */
  async #checked(what, call) {
    const device = this.#device;
    device.pushErrorScope("out-of-memory");
    device.pushErrorScope("validation");
    let thrown = null;
    const result = await Promise.resolve()
      .then(call)
      .catch((error) => void (thrown = error));
    const refused = [await device.popErrorScope(), await device.popErrorScope()].find(Boolean);
    // What the driver refuses first makes other calls fail, which then say less.
    if (thrown && !(refused && thrown instanceof DOMException)) throw thrown;
    if (refused) throw new Error(`${what}: ${refused.message}`, { cause: thrown });
    return result;
  }

  /** An encoder with the steps that are left when all segments have run. */
  async #steps(groups, bound = this.#buffers) {
    let encoder = this.#device.createCommandEncoder();
    let first = 0;
    this.#pass(encoder, groups, first, STEPS.length);
    return encoder;
  }

  #pass(encoder, groups, first, stop) {
    if (first === stop) return;
    const pass = encoder.beginComputePass();
    for (let i = first; i < stop; i++) this.#step(pass, groups, i);
    pass.end();
  }

  #step(pass, groups, i) {
    const [program, [x, y, z]] = STEPS[i];
    pass.setPipeline(this.#pipelines[program].pipeline);
    pass.setBindGroup(0, groups[i]);
    pass.dispatchWorkgroups(x, y, z);
  }

  /** Submits what is encoded, and gives ports' tensors; with an encoder states take their new values, too. */
  async #read(ports, encoder) {
    const commands = encoder ?? this.#device.createCommandEncoder();
    const read = ports.filter(({ place, count }) => place && count);
    let at = 0;
    const offsets = read.map(({ place, array, count, from = this.#buffers }) => {
      const size = words(count * array.BYTES_PER_ELEMENT);
      commands.copyBufferToBuffer(from[place[0]], place[1], this.#staging, at, size);
      at += size;
      return at - size;
    });
    if (encoder) this.#keep(commands, this.#buffers);
    this.#device.queue.submit([commands.finish()]);
    const made = {};
    if (at) {
      await this.#staging.mapAsync(GPUMapMode.READ, 0, at);
      const mapped = this.#staging.getMappedRange(0, at);
      read.forEach(({ name, array, count }, i) => {
        made[name] = new array(mapped.slice(offsets[i], offsets[i] + count * array.BYTES_PER_ELEMENT));
      });
      this.#staging.unmap();
    }
    return Object.fromEntries(ports.map((port) => [port.name, made[port.name] ?? this.#elsewhere(port)]));
  }

  /** An output that isn't on the GPU, or is empty. */
  #elsewhere(port) {
    return new port.array(0);
  }

  #write([buffer, offset], array, bound = this.#buffers) {
    let data = new Uint8Array(array.buffer, array.byteOffset, array.byteLength);
    if (data.length % 4) {
      const whole = new Uint8Array(words(data.length));
      whole.set(data);
      data = whole;
    }
    if (data.length) this.#device.queue.writeBuffer(bound[buffer], offset, data);
  }

  /** The app's buffer instead of the model's own, or copied into that one. */
  #stand({ own, place, name }, given, bound, encoder, copied) {
    if (!given || !place) return;
    if (given.size < place[2]) throw new Error(`${name}: a buffer of ${given.size} bytes, not of ${place[2]}`);
    if (own) bound[place[0]] = given;
    else if (copied) encoder.copyBufferToBuffer(given, 0, bound[place[0]], place[1], words(place[2]));
  }

  /** States take their new values: all are read before any is written. */
  #keep(encoder, bound) {
  }

  async #reset() {
    for (const { old, initial } of STATES) {
      const size = old.count * old.array.BYTES_PER_ELEMENT;
      const from = initial ? this.#weights.slice(initial[1], initial[1] + size) : new Uint8Array(size);
      if (old.place) this.#write(old.place, from);
    }
  }

  /** Each step in a pass of its own, between two time stamps. */
  async #timed() {
    const device = this.#device;
    const count = 2 * STEPS.length;
    if (!count) return [];
    this.#timing ??= {
      queries: device.createQuerySet({ type: "timestamp", count }),
      stamps: device.createBuffer({ size: 8 * count, usage: GPUBufferUsage.QUERY_RESOLVE | GPUBufferUsage.COPY_SRC }),
    };
    const { queries, stamps } = this.#timing;
    let encoder = device.createCommandEncoder();
    for (let i = 0; i <= STEPS.length; i++) {
      if (i === STEPS.length) break;
      const timestampWrites = { querySet: queries, beginningOfPassWriteIndex: 2 * i, endOfPassWriteIndex: 2 * i + 1 };
      const pass = encoder.beginComputePass({ timestampWrites });
      this.#step(pass, this.#groups, i);
      pass.end();
    }
    encoder.resolveQuerySet(queries, 0, count, stamps, 0);
    this.#keep(encoder, this.#buffers);
    const read = device.createBuffer({ size: 8 * count, usage: GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST });
    encoder.copyBufferToBuffer(stamps, 0, read, 0, 8 * count);
    device.queue.submit([encoder.finish()]);
    await read.mapAsync(GPUMapMode.READ);
    const times = new BigUint64Array(read.getMappedRange().slice(0));
    read.destroy();
    return STEPS.map(([program], i) => ({
      program: PROGRAMS[program][0],
      ops: OPS[i],
      milliseconds: Number(times[2 * i + 1] - times[2 * i]) / 1e6,
    }));
  }
}

export default Model;

/** TFLite's operators that each step stands for. */
const OPS = [
  "ADD 5",
  "ADD 6",
  "ADD 5",
  "ADD 6",
];

async function openDevice() {
  const adapter = await globalThis.navigator?.gpu?.requestAdapter({ powerPreference: "high-performance" });
  if (!adapter) throw new Error("this browser has no WebGPU");
  return adapter.requestDevice({
    requiredFeatures: adapter.features.has("timestamp-query") ? ["timestamp-query"] : [],
    requiredLimits: Object.fromEntries(LIMITS.map((name) => [name, adapter.limits[name]])),
  });
}

async function download(url) {
  const answer = await fetch(url);
  if (!answer.ok) throw new Error(`${url}: ${answer.status} ${answer.statusText}`);
  return answer.arrayBuffer();
}

async function bytes(file) {
  const data = await file;
  return ArrayBuffer.isView(data) ? new Uint8Array(data.buffer, data.byteOffset, data.byteLength) : new Uint8Array(data);
}

async function text(file) {
  const data = await file;
  return typeof data === "string" ? data : new TextDecoder().decode(data);
}

/** Throws an Error that names what is missing, unknown or of another type or size. */
function check(arrays, ports) {
  const names = ports.map(({ name }) => name);
  const unknown = Object.keys(arrays).find((name) => !names.includes(name));
  if (unknown !== undefined) throw new Error(`there is no ${unknown}; there are ${names.join(", ")}`);
  for (const { name, array, count, place } of ports) {
    const given = arrays[name];
    if (!(given instanceof array)) throw new Error(`${name}: ${given?.constructor.name ?? "nothing"}, not ${array.name}`);
    if (given.length !== count && place) throw new Error(`${name}: ${given.length} elements, not ${count}`);
  }
}
