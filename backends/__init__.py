"""From kernels to bundles: the kernel catalogue, printers, the bundle writer, runners."""
