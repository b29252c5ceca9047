//! Records: runs of bytes at equal distances, brought side by side while they are read.

use crate::spec::GAP_BYTES;

/// Fills `out` with records of `record` bytes, the first at `address`, each `stride` after the one before.
///
/// Short gaps between them are read, too: as many records as `out` has room for together with their gaps come by one
/// read, then the gaps are closed. So nothing but `out` is needed.
pub(crate) fn gather<E>(
    out: &mut [u8],
    address: u64,
    record: usize,
    stride: u64,
    mut read: impl FnMut(&mut [u8], u64) -> Result<(), E>,
) -> Result<(), E> {
    let near = usize::try_from(stride)
        .ok()
        .filter(|stride| (record.max(1)..=record.saturating_add(GAP_BYTES)).contains(stride));
    let (mut done, mut at) = (0, address);
    while done < out.len() {
        let rest = &mut out[done..];
        let record = record.clamp(1, rest.len());
        let many = near.map_or(1, |stride| 1 + (rest.len() - record) / stride);
        let step = near.unwrap_or(0);
        read(&mut rest[..(many - 1) * step + record], at)?;
        if step > record {
            for k in 1..many {
                rest.copy_within(k * step..k * step + record, k * record);
            }
        }
        done += many * record;
        at = at.saturating_add(stride.saturating_mul(many as u64));
    }
    Ok(())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::gather;
    use crate::spec::GAP_BYTES;

    /// What `gather` reads of a file whose byte `i` is `i % 251`, and by how many reads.
    fn gathered(address: u64, record: usize, stride: u64, count: usize) -> (Vec<u8>, usize) {
        let (mut out, mut reads) = (vec![0; record * count], 0);
        gather(&mut out, address, record, stride, |buffer, at| {
            reads += 1;
            for (i, byte) in buffer.iter_mut().enumerate() {
                *byte = ((at + i as u64) % 251) as u8;
            }
            Ok::<(), ()>(())
        })
        .unwrap();
        (out, reads)
    }

    #[test]
    fn records_come_side_by_side() {
        let page = GAP_BYTES as u64;
        for (record, stride, count, most_reads) in [
            (8, 8, 1000, 1),
            (8, 16, 1000, 11),
            (12, 20, 1, 1),
            (8, 8 + page, 100, 100),
            (8, 9 + page, 100, 100),
            (3, 1 << 33, 7, 7),
            (5000, 5000 + page, 64, 9),
        ] {
            let (out, reads) = gathered(17, record, stride, count);
            let expected: Vec<u8> = (0..count as u64)
                .flat_map(|k| (0..record as u64).map(move |i| ((17 + k * stride + i) % 251) as u8))
                .collect();
            assert!(out == expected, "{record} {stride} {count}");
            assert!(
                reads <= most_reads,
                "{record} {stride} {count}: {reads} reads"
            );
        }
    }
}
