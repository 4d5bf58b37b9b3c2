// small on WebGPU, made by tflgpuc 0.1.0. Don't edit.
/// <reference types="@webgpu/types" />

/** Row-major tensors, by name; halves are their bits, bools bytes, complex numbers pairs. */
export interface Inputs {
  /** 1 x 6 x 7 x 2 f32 */
  "image": Float32Array;
}

export interface Outputs {
  /** 1 x 4 x 3 x 5 f32 */
  "scores": Float32Array;
}

export interface Tensor {
  readonly name: string;
  readonly dtype: string;
  readonly shape: readonly number[];
}

export interface StepTime {
  program: string;
  ops: string;
  milliseconds: number;
}

export type Files = Record<string, ArrayBuffer | ArrayBufferView | string>;

export interface Options {
  base?: URL | string;
  device?: GPUDevice;
  files?: Files;
}

export class Model {
  static readonly inputs: readonly Tensor[];
  static readonly outputs: readonly Tensor[];
  static create(options?: Options): Promise<Model>;
  private constructor();
  readonly device: GPUDevice;
  run(inputs: Inputs): Promise<Outputs>;
  runOnGpu(
    inputs?: Partial<Record<keyof Inputs, GPUBuffer>>,
    outputs?: Partial<Record<keyof Outputs, GPUBuffer>>,
  ): Promise<void>;
  gpuBuffers(): Partial<Record<keyof Inputs | keyof Outputs, { buffer: GPUBuffer; offset: number }>>;
  profile(inputs: Inputs): Promise<StepTime[]>;
  reset(): Promise<void>;
  close(): void;
}

export default Model;
