// model: none
// ops: conv_2d + relu6
@group(0) @binding(0) var<storage, read> src: array<vec2u>;
@group(0) @binding(1) var<storage, read> weights: array<vec4f>;
@group(0) @binding(2) var<storage, read_write> dst: array<vec2u>;

fn unpack_half4(v: vec2u) -> vec4f { return vec4f(unpack2x16float(v.x), unpack2x16float(v.y)); }

fn pack_half4(v: vec4f) -> vec2u { return vec2u(pack2x16float(v.xy), pack2x16float(v.zw)); }

@compute @workgroup_size(8, 2, 1)
fn main(@builtin(global_invocation_id) gid: vec3u) {
    let pixel = i32(gid.x);
    let slice = i32(gid.y);
    if (pixel < 7 && slice < 2) {
        var acc = weights[16 + slice];
        for (var s = 0; s < 2; s++) {
            let x = unpack_half4(src[s * 7 + pixel]);
            let first = (slice * 2 + s) * 4;
            acc += x.x * weights[first + 0];
            acc += x.y * weights[first + 1];
            acc += x.z * weights[first + 2];
            acc += x.w * weights[first + 3];
        }
        dst[slice * 7 + pixel] = pack_half4(clamp(acc, vec4f(0.0), vec4f(6.0)));
    }
}
