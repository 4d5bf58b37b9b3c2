// model: none
#include <metal_stdlib>
using namespace metal;

// ops: conv_2d + relu6
kernel void pointwise(
    device const half4* src [[buffer(0)]],
    device const float4* weights [[buffer(1)]],
    device half4* dst [[buffer(2)]],
    uint3 gid [[thread_position_in_grid]]) {
    const int pixel = int(gid.x);
    const int slice = int(gid.y);
    if (pixel < 7 && slice < 2) {
        float4 acc = weights[16 + slice];
        for (int s = 0; s < 2; s++) {
            const float4 x = float4(src[s * 7 + pixel]);
            const int first = (slice * 2 + s) * 4;
            acc += x.x * weights[first + 0];
            acc += x.y * weights[first + 1];
            acc += x.z * weights[first + 2];
            acc += x.w * weights[first + 3];
        }
        dst[slice * 7 + pixel] = half4(clamp(acc, float4(0.0f), float4(6.0f)));
    }
}
