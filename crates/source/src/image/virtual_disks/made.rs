//! Every subformat and option of `qemu-img convert`, and what `qemu-io` writes into them.

use super::*;

/// Length of the raw disk: 20 MiB and an odd number of sectors.
const LENGTH: usize = (20 << 20) + 7 * 512;

/// Converts a raw disk with `options`, and compares.
fn converted(options: &str, form: &str) {
    if !has_qemu() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let raw = raw(folder.path(), LENGTH);
    let disk = folder.path().join("disk");
    line(&format!("qemu-img convert -f raw {options} {{}} {{}}"), &[&raw, &disk]);
    let image = check(&disk, &fs::read(&raw).unwrap());
    assert_eq!(image.form, form);
    assert_eq!(image.ids, []);
    let rounded = options.contains("vpc") && !options.contains("force_size");
    assert!(rounded || image.bytes.len() == LENGTH as u64, "{options}: {}", image.bytes.len());
    let noted = options.contains("force_size") || options.contains("lazy");
    assert!(noted || image.limits.is_empty(), "{:?}", image.limits);
    // In small and crooked pieces it is the same, and beyond the end there is nothing.
    let small = content(&image, 77_777).unwrap();
    compare(&disk, &small, &fs::read(&raw).unwrap());
    assert_eq!(image.bytes.read_at(image.bytes.len(), &mut [0; 8]).unwrap(), 0);
}

macro_rules! converted {
    ($($name:ident: $options:expr, $form:expr;)*) => {
        $(#[test] fn $name() { converted($options, $form); })*
    };
}

converted! {
    vmdk_monolithic_sparse: "-O vmdk -o subformat=monolithicSparse", "VMDK disk (monolithicSparse)";
    vmdk_monolithic_flat: "-O vmdk -o subformat=monolithicFlat", "VMDK disk (monolithicFlat)";
    vmdk_two_gb_sparse: "-O vmdk -o subformat=twoGbMaxExtentSparse", "VMDK disk (twoGbMaxExtentSparse)";
    vmdk_two_gb_flat: "-O vmdk -o subformat=twoGbMaxExtentFlat", "VMDK disk (twoGbMaxExtentFlat)";
    vmdk_stream_optimized: "-O vmdk -o subformat=streamOptimized", "VMDK disk (streamOptimized)";
    vmdk_zeroed_grains: "-O vmdk -S 0 -o subformat=monolithicSparse,zeroed_grain=on", "VMDK disk (monolithicSparse)";
    vhd_fixed: "-O vpc -o subformat=fixed", "fixed VHD disk";
    vhd_dynamic: "-O vpc -o subformat=dynamic", "dynamic VHD disk";
    vhd_fixed_exact: "-O vpc -o subformat=fixed,force_size=on", "fixed VHD disk";
    vhd_dynamic_exact: "-O vpc -o subformat=dynamic,force_size=on", "dynamic VHD disk";
    vhdx_fixed: "-O vhdx -o subformat=fixed", "fixed VHDX disk";
    vhdx_dynamic: "-O vhdx -o subformat=dynamic", "dynamic VHDX disk";
    vhdx_small_blocks: "-O vhdx -o subformat=dynamic,block_size=1M,block_state_zero=off", "dynamic VHDX disk";
    qcow2_version_2: "-O qcow2 -o compat=0.10", "QCOW2 disk, version 2";
    qcow2_version_3: "-O qcow2 -o compat=1.1", "QCOW2 disk, version 3";
    qcow2_clusters_512: "-O qcow2 -o cluster_size=512", "QCOW2 disk, version 3";
    qcow2_clusters_4k: "-O qcow2 -o cluster_size=4k", "QCOW2 disk, version 3";
    qcow2_clusters_2m: "-O qcow2 -o cluster_size=2M", "QCOW2 disk, version 3";
    qcow2_packed: "-O qcow2 -c", "QCOW2 disk, version 3";
    qcow2_packed_version_2: "-O qcow2 -c -o compat=0.10", "QCOW2 disk, version 2";
    qcow2_packed_4k: "-O qcow2 -c -o cluster_size=4k", "QCOW2 disk, version 3";
    qcow2_packed_2m: "-O qcow2 -c -o cluster_size=2M", "QCOW2 disk, version 3";
    qcow2_packed_by_zstd: "-O qcow2 -c -o compression_type=zstd", "QCOW2 disk, version 3";
    qcow2_packed_by_zstd_4k: "-O qcow2 -c -o compression_type=zstd,cluster_size=4k", "QCOW2 disk, version 3";
    qcow2_packed_by_zstd_2m: "-O qcow2 -c -o compression_type=zstd,cluster_size=2M", "QCOW2 disk, version 3";
    qcow2_parts: "-O qcow2 -o extended_l2=on,cluster_size=128k", "QCOW2 disk, version 3";
    qcow2_parts_packed: "-O qcow2 -c -o extended_l2=on,cluster_size=16k", "QCOW2 disk, version 3";
    qcow2_metadata_first: "-O qcow2 -o preallocation=metadata", "QCOW2 disk, version 3";
    qcow2_allocated: "-O qcow2 -o preallocation=falloc", "QCOW2 disk, version 3";
    qcow2_filled: "-O qcow2 -o preallocation=full", "QCOW2 disk, version 3";
    qcow2_lazy: "-O qcow2 -o lazy_refcounts=on", "QCOW2 disk, version 3";
}

/// Writes, zeros and discards with `qemu-io`, then compares with what QEMU itself makes of it.
fn written(create: &str, format: &str) {
    if !has_qemu() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let (disk, truth) = (folder.path().join("disk"), folder.path().join("truth"));
    line(&format!("qemu-img create -q {create} {{}} 12M"), &[&disk]);
    let commands = "-c write~-P~0x11~512~1024 -c write~-P~0x22~7000k~512 -c write~-P~0x33~3M~200k \
                    -c write~-P~0x44~5632k~3M -c write~-z~6M~64k -c write~-z~7000k~9k -c discard~3M~64k \
                    -c write~-z~-u~8M~128k -c write~-P~0x55~8200k~1k -c write~-P~0x66~12287k~1k";
    line(&format!("qemu-io -f {format} {commands} {{}}"), &[&disk]);
    line(&format!("qemu-img convert -f {format} -O raw {{}} {{}}"), &[&disk, &truth]);
    let truth = fs::read(&truth).unwrap();
    assert_eq!((truth[512], truth[(12 << 20) - 1]), (0x11, 0x66));
    check(&disk, &truth);
}

#[test]
fn what_qemu_writes_into_a_vmdk() {
    written("-f vmdk -o subformat=monolithicSparse,zeroed_grain=on", "vmdk");
    written("-f vmdk -o subformat=twoGbMaxExtentSparse", "vmdk");
}

#[test]
fn what_qemu_writes_into_a_vhd() {
    written("-f vpc -o subformat=dynamic,force_size=on", "vpc");
}

/// The table of the disk in it begins 4 KiB behind the beginning of the file, as that of a disk with sectors of 4 KiB would.
#[test]
fn a_vhd_is_no_disk_by_itself_for_the_table_of_the_disk_in_it() {
    if !has_qemu() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let (raw, vhd) = (folder.path().join("raw"), folder.path().join("disk.vhd"));
    File::create(&raw).unwrap().set_len(520 << 20).unwrap();
    line("sgdisk -n 1:2048:0 {}", &[&raw]);
    line("qemu-img convert -O vpc -o subformat=dynamic,force_size=on {} {}", &[&raw, &vhd]);
    let bytes = fs::read(&vhd).unwrap();
    assert_eq!(&bytes[4096..4104], b"EFI PART");
    let image = super::super::container::open(&vhd, File::open(&vhd).unwrap(), None).unwrap();
    let mut mark = [0; 8];
    image.bytes.read_exact_at(512, &mut mark).unwrap();
    assert_eq!(&mark, b"EFI PART");
}

#[test]
fn what_qemu_writes_into_a_vhdx() {
    written("-f vhdx -o block_size=1M", "vhdx");
}

#[test]
fn what_qemu_writes_into_a_qcow2() {
    for options in [
        "compat=0.10",
        "cluster_size=4k",
        "extended_l2=on,cluster_size=64k",
        "preallocation=metadata",
        "lazy_refcounts=on",
    ] {
        written(&format!("-f qcow2 -o {options}"), "qcow2");
    }
}

#[test]
fn a_qcow2_with_snapshots_is_its_current_state() {
    if !has_qemu() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let disk = folder.path().join("disk");
    line("qemu-img create -q -f qcow2 {} 1M", &[&disk]);
    line("qemu-io -f qcow2 -c write~-P~1~0~128k {}", &[&disk]);
    line("qemu-img snapshot -c before {}", &[&disk]);
    line("qemu-io -f qcow2 -c write~-P~2~0~64k {}", &[&disk]);
    let mut truth = vec![2; 64 << 10];
    truth.resize(128 << 10, 1);
    truth.resize(1 << 20, 0);
    let image = check(&disk, &truth);
    assert!(image.limits.iter().any(|limit| limit.contains("snapshots")), "{:?}", image.limits);
}

#[test]
fn a_qcow2_that_was_not_closed_says_so() {
    if !has_qemu() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let disk = folder.path().join("disk");
    line("qemu-img create -q -f qcow2 -o lazy_refcounts=on {} 1M", &[&disk]);
    let status = Command::new("qemu-io")
        .args(["-f", "qcow2", "-c", "write -P 7 0 64k", "-c", "flush", "-c", "abort"])
        .arg(&disk)
        .output()
        .unwrap();
    assert!(!status.status.success(), "aborted");
    let mut truth = vec![7; 64 << 10];
    truth.resize(1 << 20, 0);
    assert!(check(&disk, &truth).limits.iter().any(|limit| limit.contains("not closed")));
}

/// Disks in pieces of 2 GiB, around the seam.
#[test]
fn a_vmdk_of_several_files() {
    if !has_qemu() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let raw = folder.path().join("raw");
    let file = File::create(&raw).unwrap();
    let length = (4_u64 << 30) + 5 * 512;
    file.set_len(length).unwrap();
    let seam = 2_u64 << 30;
    for at in [0, seam - 100_000, 2 * seam - 1000, length - 1000] {
        file.write_all_at(&noise(200_000.min(usize::try_from(length - at).unwrap()), at), at).unwrap();
    }
    for subformat in ["twoGbMaxExtentSparse", "twoGbMaxExtentFlat"] {
        let disk = folder.path().join(format!("{subformat}.vmdk"));
        line(&format!("qemu-img convert -f raw -O vmdk -o subformat={subformat} {{}} {{}}"), &[&raw, &disk]);
        let image = open(&disk).unwrap();
        assert_eq!(image.form, format!("VMDK disk ({subformat}) of 3 extents"));
        assert_eq!(image.bytes.len(), length);
        for at in [0, seam - 200_000, seam - 7, length - 300_000] {
            let (mut bytes, mut truth) = (vec![0xEE; 300_000], vec![0; 300_000]);
            image.bytes.read_exact_at(at, &mut bytes).unwrap();
            File::open(&raw).unwrap().read_exact_at(&mut truth, at).unwrap();
            compare(&disk, &bytes, &truth);
        }
        // An extent alone is not the disk.
        let extent = folder.path().join(format!("{subformat}-s001.vmdk"));
        if extent.exists() {
            assert!(open(&extent).err().unwrap().to_string().contains("several files"));
        }
    }
}
