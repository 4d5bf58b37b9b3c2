#version 310 es
// model: none
// ops: conv_2d + relu6
// kernel: pointwise
// grid: 7 x 2 x 1
precision highp float;
precision highp int;

layout(local_size_x = 8, local_size_y = 2, local_size_z = 1) in;
layout(std430, binding = 0) readonly buffer Src { uvec2 src[]; };
layout(std430, binding = 1) readonly buffer Weights { vec4 weights[]; };
layout(std430, binding = 2) writeonly buffer Dst { uvec2 dst[]; };

vec4 unpack_half4(uvec2 v) { return vec4(unpackHalf2x16(v.x), unpackHalf2x16(v.y)); }

uvec2 pack_half4(vec4 v) { return uvec2(packHalf2x16(v.xy), packHalf2x16(v.zw)); }

void main() {
    int pixel = int(gl_GlobalInvocationID.x);
    int slice = int(gl_GlobalInvocationID.y);
    if (pixel < 7 && slice < 2) {
        vec4 acc = weights[16 + slice];
        for (int s = 0; s < 2; s++) {
            vec4 x = unpack_half4(src[s * 7 + pixel]);
            int first = (slice * 2 + s) * 4;
            acc += x.x * weights[first + 0];
            acc += x.y * weights[first + 1];
            acc += x.z * weights[first + 2];
            acc += x.w * weights[first + 3];
        }
        dst[slice * 7 + pixel] = pack_half4(clamp(acc, vec4(0.0), vec4(6.0)));
    }
}
