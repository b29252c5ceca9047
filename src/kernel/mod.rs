//! Loops over blocks: fused element-wise programs and reductions. Knows no ranks and no files.
