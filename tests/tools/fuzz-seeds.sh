#!/usr/bin/env bash
# Small media for the fuzz targets to change, made by the tools of each format.
#
#   tests/tools/fuzz-seeds.sh [FOLDER]        by default target/fuzz-seeds
#
# A seed whose tools are missing is left out, and that is said. NTFS is filled through a mount, which needs root.
set -uo pipefail

here=$(cd "$(dirname "$0")/../.." && pwd)
seeds=${1:-$here/target/fuzz-seeds}
rm -rf "$seeds"
mkdir -p "$seeds"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export PATH=$PATH:/usr/sbin:/sbin

# A tree with what readers stumble over, in some ten kilobytes.
tree=$work/tree
mkdir -p "$tree/folder/below" "$tree/many"
printf 'short' >"$tree/short"
: >"$tree/empty"
head -c 9000 /dev/urandom >"$tree/folder/noise"
head -c 20000 /dev/zero | tr '\0' 'a' >"$tree/folder/packable"
ln "$tree/short" "$tree/folder/below/linked"
ln -s folder/below/linked "$tree/link"
ln -s "$(printf 'x%.0s' {1..200})" "$tree/longlink"
truncate -s 300000 "$tree/holes" && printf 'end' >>"$tree/holes"
printf 'named' >"$tree/$(printf 'n%.0s' {1..120})"
for number in {1..60}; do : >"$tree/many/entry-$number"; done
setfattr -n user.note -v value "$tree/short" 2>/dev/null
setfattr -n user.long -v "$(printf 'v%.0s' {1..900})" "$tree/folder/noise" 2>/dev/null

# make FORMAT NAME FILE SIZE COMMAND...: makes one seed; the command's image is $image.
make() {
  local format=$1 name=$2 file=$3 size=$4
  shift 4
  image=$seeds/$format/$name/$file
  mkdir -p "${image%/*}"
  [ "$size" = 0 ] || truncate -s "$size" "$image"
  if ! "$@" >"$work/log" 2>&1; then
    echo "NOT made: $format/$name: $(head -c 300 "$work/log" | tr '\n' ' ')" >&2
    rm -rf "${image%/*}"
  fi
}

ext() { mke2fs -q -F -d "$tree" "$@" "$image" && debugfs -w -R 'rm /folder/noise' "$image"; }
make ext ext2 0.img 384K ext -t ext2 -b 1024 -N 128 -O ^resize_inode
make ext ext3 0.img 2M ext -t ext3 -b 1024 -N 128 -I 128 -O ^resize_inode
make ext ext4 0.img 2M ext -t ext4 -b 1024 -N 128 -O ^metadata_csum,^resize_inode,inline_data -I 256
make ext ext4-64 0.img 512K ext -t ext4 -b 1024 -N 128 -O ^metadata_csum,^has_journal,^resize_inode,64bit,bigalloc -I 256
make ext ext4-sums 0.img 512K ext -t ext4 -b 4096 -N 128 -O ^has_journal,^resize_inode -I 256

ntfs() {
  mkntfs -q -F -Q -p 0 -H 0 -S 0 -s 512 "$@" "$image" || return 1
  local mount=$work/mount
  mkdir -p "$mount" && ntfs-3g -o compression,streams_interface=windows "$image" "$mount" || return 1
  mkdir "$mount/packed" && setfattr -h -n system.ntfs_attrib_be -v 0x00000810 "$mount/packed"
  cp "$tree/folder/packable" "$mount/packed/"
  cp -r "$tree/." "$mount/"
  printf 'stream' >"$mount/short:other"
  rm "$mount/folder/noise" "$mount/many/entry-7"
  umount "$mount"
  while pgrep -f "ntfs-3g.*$image" >/dev/null; do sleep 0.05; done
}
make ntfs plain 0.img 4M ntfs -c 4096
make ntfs small-clusters 0.img 2M ntfs -c 512

fat() {
  mkfs.vfat "$@" "$image" && mcopy -i "$image" -s "$tree/folder" "$tree/short" "$tree/empty" "$tree/many" "$tree"/nnn* :: &&
    mdel -i "$image" ::many/entry-7 ::folder/noise
}
make fat fat12 0.img 256K fat -F 12 -s 1
make fat fat16 0.img 4M fat -F 16 -s 1
make fat fat32 0.img 34M fat -F 32 -s 1

exfat() { mkfs.exfat "$@" "$image" && python3 "$here/tests/tools/fuzz-seeds.py" exfat "$image"; }
make exfat small 0.img 1M exfat -c 4K -b 4K

iso() { xorriso -as mkisofs -quiet -no-pad -o "$image" "$@" "$tree"; }
make iso rock-ridge-joliet 0.img 0 iso -R -J
make iso plain 0.img 0 iso -iso-level 3

prototype() {
  printf '/\n0 0\nd--755 0 0\nshort ---644 0 0 %s\nnoise ---644 0 0 %s\nlink l--777 0 0 folder/x\nfolder d--755 0 0\n' "$tree/short" "$tree/folder/noise"
  for number in {1..40}; do printf 'entry-number-%s ---644 0 0 %s\n' "$number" "$tree/empty"; done
  printf '$\nmany d--755 0 0\n'
  for number in {1..200}; do printf 'entry-with-a-long-name-%s ---644 0 0 %s\n' "$number" "$tree/empty"; done
  printf '$\n$\n'
}
prototype >"$work/prototype"
xfs() { mkfs.xfs -q -f "$@" -p "$work/prototype" "$image"; }
make xfs v5 0.img 300M xfs -d agcount=2
make xfs v4 0.img 300M xfs -m crc=0 -d agcount=2

btrfs() { mkfs.btrfs -q --rootdir "$tree" -n 4k -s 4k "$@" "$image"; }
make btrfs single 0.img 110M btrfs -m single -d single
make btrfs mixed 0.img 20M btrfs --mixed

mbr() { printf '2048,64,83\n2112,64,7\n2176,400,5\n2180,32,83\n2220,32,82\n' | sfdisk -q --force --label dos "$image"; }
gpt() { sgdisk -a 1 -n 1:34:99 -n 2:100:199 -t 2:8200 -n 5:300:400 "$image"; }
make volumes mbr 0.img 2M mbr
make volumes gpt 0.img 256K gpt

# What containers and stacks hold: a small ext2 file system.
small=$work/small.raw
truncate -s 128K "$small"
mkdir "$work/little" && cp "$tree/short" "$work/little/" && head -c 3000 /dev/urandom >"$work/little/noise"
mke2fs -q -F -t ext2 -b 1024 -N 16 -O ^resize_inode -d "$work/little" "$small"

acquire() { ewfacquire -u -q -t "${image%.*}" "$@" "$small"; }
make ewf packed disk.E01 0 acquire -c fast -b 16
make ewf plain disk.E01 0 acquire -c none -b 64
make ewf smart disk.s01 0 acquire -f smart -c fast -b 16

pieces() { split -b 48K -d -a 3 --numeric-suffixes=1 "$small" "${image%001}"; }
make split three disk.001 0 pieces

disk() { qemu-img convert -f raw "$@" "$small" "$image"; }
make vmdk sparse disk.vmdk 0 disk -O vmdk -o subformat=monolithicSparse
make vmdk stream disk.vmdk 0 disk -O vmdk -o subformat=streamOptimized
make vmdk extents disk.vmdk 0 disk -O vmdk -o subformat=twoGbMaxExtentSparse
make vmdk flat disk.vmdk 0 disk -O vmdk -o subformat=monolithicFlat
make vhd dynamic disk.vhd 0 disk -O vpc -o subformat=dynamic,force_size=on
make vhd fixed disk.vhd 0 disk -O vpc -o subformat=fixed,force_size=on
make vhdx dynamic disk.vhdx 0 disk -O vhdx -o block_size=1M,log_size=1M
make qcow2 plain disk.qcow2 0 disk -O qcow2 -o cluster_size=512
make qcow2 packed disk.qcow2 0 disk -O qcow2 -c -o cluster_size=4k
make qcow2 zstd disk.qcow2 0 disk -O qcow2 -c -o cluster_size=4k,compression_type=zstd
make qcow2 parts disk.qcow2 0 disk -O qcow2 -o extended_l2=on,cluster_size=16k

stack() { python3 "$here/tests/tools/fuzz-seeds.py" "$1" "$small" "${image%/*}"; }
make lvm linear-striped 0.disk 0 stack lvm
make md mirror 0.disk 0 stack md1
make md stripes 0.disk 0 stack md0
make md ten 0.disk 0 stack md10

# Records: of the demonstration, with what its keys open, and the vectors of the specification.
demo=${AMBIT_DEMO:-$work/demo}
[ -n "${AMBIT_DEMO:-}" ] || (cd "$here" && cargo run --locked -q -- demo --dir "$demo") >"$work/demo.log" 2>&1 || { echo "the demonstration failed: no records" >&2; exit 1; }
example() { # example TARGET NAME <BYTES
  mkdir -p "$seeds/$1/corpus" && cat >"$seeds/$1/corpus/$2"
}
package=$demo/KC07.ambit
for file in "$demo/policy/policy.toml" "$here"/policies/*/policy.toml; do example policy "$(sha256sum <"$file" | head -c 12)" <"$file"; done
printf '%s\n====\n%s\n' "$(sed '/^items *=/d' "$demo/policy/policy.toml")" "$(printf 'a%.0s' {1..64})" | example policy with-a-list
example trust demo <"$demo/trust.toml"
for file in "$package"/*manifest-sha256.txt "$package/bag-info.txt"; do example bag "${file##*/}" <"$file"; done
example inventory demo <"$package/meta/inventory.txt"
head -n 3 "$package/meta/inventory.txt" | example inventory three
example acquisition demo <"$package/meta/acquisition.json"
example approval demo <"$package/meta/policy/approval.txt"
while read -r file; do
  name=$(sha256sum <"$file" | head -c 12)
  case $file in
  *checkpoint*) example checkpoint "$name" <"$file" ;;
  *.json | *.txt) example event "$name" <"$file" ;;
  *.sig) example signature "$name" <"$file" ;;
  esac
done < <(find "$package/custody" "$package/seal" "$here/docs/spec/vectors/custody-log/custody" -type f)
example trust vector <"$here/docs/spec/vectors/custody-log/trust.toml"
example signature key <"$demo/keys/examiner.pub"
opened() { age -d -i "$demo/keys/auditor.age" "$package"/data/ledger-0001.*; }
{ printf '\0' && opened; } | example ledger packed
{ printf '\1' && opened | gunzip | head -n 4; } | example ledger rows
opened | gunzip | python3 -c '
import json, sys
for line in list(sys.stdin)[1:40]:
    row = json.loads(line)
    for value in [*row.get("facts", []), row.get("decision"), row.get("object"), row.get("trits")]:
        if isinstance(value, str): print(value)' | sort -u | split -l 40 - "$work/values-"
for file in "$work"/values-*; do example values "${file##*/}" <"$file"; done
for set in held-neutral:neutral captured:case-team; do
  age -d -i "$demo/keys/${set#*:}.age" "$package/data/${set%:*}-0001.zip.age" 2>/dev/null | head -c 60000 | example zip "${set%:*}"
done

find "$seeds" -type f -printf '%P %s bytes\n' | sort
