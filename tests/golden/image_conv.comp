#version 310 es
// an RGBA8 image into a convolution
// kernel: conv_2d_2x4x4
// grid: 8 x 1 x 1
precision highp float;
precision highp int;

layout(local_size_x = 8, local_size_y = 1, local_size_z = 1) in;
layout(std430, binding = 0) writeonly buffer Dst { float dst[]; };
layout(std430, binding = 1) readonly buffer Weights { vec4 weights[]; };
layout(std430, binding = 2) readonly buffer Src { uint src[]; };

void main() {
    int pixel = int(gl_GlobalInvocationID.x);
    vec4 bias0 = weights[4];
    vec4 acc00 = bias0;
    uint value = src[pixel];
    float cast_1 = float((int(value) >> 16) & 255);
    float cast_2 = float((int(value) >> 8) & 255);
    float cast_3 = float(int(value) & 255);
    vec4 strided_slice = vec4(cast_1, cast_2, cast_3, 0.0);
    vec4 x0 = vec4(strided_slice.x, strided_slice.y, strided_slice.z, 0.0);
    vec4 w00 = weights[0];
    vec4 w01 = weights[1];
    vec4 w02 = weights[2];
    acc00 += x0.x * w00 + x0.y * w01 + x0.z * w02;
    int index = pixel * 4;
    dst[index] = acc00.x;
    dst[index + 1] = acc00.y;
    dst[index + 2] = acc00.z;
    dst[index + 3] = acc00.w;
}
