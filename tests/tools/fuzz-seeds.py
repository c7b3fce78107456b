"""Media for fuzzing that no tool makes without a kernel module: members of LVM groups and md arrays, files on exFAT.

    fuzz-seeds.py lvm|md0|md1|md10 DISK FOLDER      writes 0.disk and 1.disk
    fuzz-seeds.py exfat IMAGE                       adds entries to the root of a new volume
"""

import struct
import sys
from pathlib import Path

EXTENT = 4096
START = 32768


def crc(start, data):
    for byte in data:
        start ^= byte
        for _ in range(8):
            start = start >> 1 ^ (0xEDB88320 if start & 1 else 0)
    return start


def lvm(disk, folder):
    """Volume x on both members, in pieces of lines; volume y striped over both."""
    name = lambda letter: "-".join(letter * count for count in (6, 4, 4, 4, 4, 4, 6))
    half = len(disk) // 2 // EXTENT
    pe_count = half + 8
    physical = "".join(
        f'{pv} {{\nid = "{name(letter)}"\ndevice = "/dev/{pv}"\nstatus = ["ALLOCATABLE"]\npe_start = 64\npe_count = {pe_count}\n}}\n'
        for pv, letter in (("pv0", "a"), ("pv1", "b"))
    )
    status = 'status = ["READ", "WRITE", "VISIBLE"]'
    segment = lambda index, start, count, pv: (
        f"segment{index} {{\nstart_extent = {start}\nextent_count = {count}\ntype = \"striped\"\n"
        f'stripe_count = 1\nstripes = [\n"{pv}", 0\n]\n}}\n'
    )
    x = f'x {{\nid = "{name("X")}"\n{status}\nsegment_count = 2\n{segment(1, 0, half, "pv0")}{segment(2, half, half, "pv1")}}}\n'
    y = (
        f'y {{\nid = "{name("Y")}"\n{status}\nsegment_count = 1\nsegment1 {{\nstart_extent = 0\nextent_count = 8\n'
        f'type = "striped"\nstripe_count = 2\nstripe_size = 2\nstripes = [\n"pv0", {half},\n"pv1", {half}\n]\n}}\n}}\n'
    )
    text = (
        f'group {{\nid = "{name("G")}"\nseqno = 3\nextent_size = 8\nphysical_volumes {{\n{physical}}}\n'
        f'logical_volumes {{\n{x}{y}}}\n}}\ncontents = "Text Format Volume Group"\nversion = 1\n'
    ).encode() + b"\0"
    for number, letter in enumerate("ab"):
        piece = bytearray(START)
        piece[512:520] = b"LABELONE"
        struct.pack_into("<Q", piece, 520, 1)
        struct.pack_into("<I", piece, 532, 32)
        piece[536:544] = b"LVM2 001"
        piece[544:576] = letter.encode() * 32
        struct.pack_into("<Q6Q", piece, 576, START + pe_count * EXTENT, START, 0, 0, 0, 4096, START - 4096)
        piece[4100:4116] = b" LVM2 x[5A%r0N*>"
        struct.pack_into("<I5Q", piece, 4116, 1, 4096, START - 4096, 512, len(text), crc(0xF597A6CF, text))
        piece[4608 : 4608 + len(text)] = text
        struct.pack_into("<I", piece, 528, crc(0xF597A6CF, piece[532:1024]))
        struct.pack_into("<I", piece, 4096, crc(0xF597A6CF, piece[4100:4608]))
        data = disk[number * half * EXTENT :][: half * EXTENT] + bytes(8 * EXTENT)
        (folder / f"{number}.disk").write_bytes(piece + data)


def md(level, minor, disk, folder):
    """Both members of an array of two drives, chunks of 4 KiB."""
    chunks = [disk[at : at + 4096] for at in range(0, len(disk), 4096)]
    data = [b"".join(chunks[0::2]), b"".join(chunks[1::2])] if level == 0 else [disk, disk]
    for number, own in enumerate(data):
        sectors = len(own) // 512
        before = 0 if minor == 0 else 64
        length = before + sectors + (64 if minor == 0 else 0)
        at = [(length - 16) & ~7, 0, 8][minor]
        block = bytearray(256 + 4)
        struct.pack_into("<III", block, 0, 0xA92B4EFC, 1, 0)
        block[16:32] = b"0123456789abcdef"
        block[32:40] = b"array:07"
        layout = 0x102 if level == 10 else 0
        struct.pack_into("<QIIQII", block, 64, 1_700_000_000, level, layout, sectors, 0 if level == 1 else 8, 2)
        struct.pack_into("<QQQ", block, 128, before, sectors, at)
        struct.pack_into("<I", block, 160, number)
        block[168:184] = bytes([number]) * 16
        struct.pack_into("<QQQ", block, 192, 1_700_000_000, 20, 2**64 - 1)
        struct.pack_into("<I", block, 220, 2)
        struct.pack_into("<HH", block, 256, 0, 1)
        total = sum(struct.unpack(f"<{len(block) // 4}I", block))
        struct.pack_into("<I", block, 216, (total + (total >> 32)) & 0xFFFFFFFF)
        piece = bytearray(length * 512)
        piece[before * 512 : before * 512 + len(own)] = own
        piece[at * 512 : at * 512 + len(block)] = block
        (folder / f"{number}.disk").write_bytes(piece)


def exfat(path):
    """A folder with a file of two clusters in it, a fragmented file, an empty one and a deleted one."""
    image = bytearray(path.read_bytes())
    fat, _, heap, _, root = struct.unpack_from("<5I", image, 80)
    sector, cluster = 1 << image[108], 1 << image[108] + image[109]
    place = lambda number: heap * sector + (number - 2) * cluster
    # The root and the bitmap and the table of capitals before it take the first clusters.
    free = root + 1
    bitmap = next(
        struct.unpack_from("<I", image, at + 20)[0] for at in range(place(root), place(root) + cluster, 32) if image[at] == 0x81
    )

    def chain(*clusters):
        for own, following in zip(clusters, [*clusters[1:], 0xFFFFFFFF]):
            struct.pack_into("<I", image, fat * sector + 4 * own, following)
        used(*clusters)

    def used(*clusters):
        for number in clusters:
            image[place(bitmap) + (number - 2) // 8] |= 1 << (number - 2) % 8

    def entry(name, first, size, attributes=0x20, contiguous=True, live=True):
        units = name.encode("utf-16-le")
        names = [units[at : at + 30].ljust(30, b"\0") for at in range(0, len(units), 30)]
        record = bytearray(64 + 32 * len(names))
        struct.pack_into("<BBHHH3I", record, 0, 0x85, 1 + len(names), 0, attributes, 0, *[0x58C1_6000] * 3)
        struct.pack_into("<BBBBHHQII", record, 32, 0xC0, 3 if contiguous and first else 1, 0, len(name), 0, 0, size, 0, first)
        struct.pack_into("<Q", record, 56, size)
        for index, part in enumerate(names):
            record[64 + 32 * index : 66 + 32 * index] = b"\xc1\0"
            record[66 + 32 * index : 96 + 32 * index] = part
        total = 0
        for index, byte in enumerate(record):
            if index not in (2, 3):
                total = ((total >> 1 | total << 15) + byte) & 0xFFFF
        struct.pack_into("<H", record, 2, total)
        if not live:
            for at in range(0, len(record), 32):
                record[at] &= 0x7F
        return record

    at = next(at for at in range(place(root), place(root) + cluster, 32) if image[at] == 0)
    entries = b"".join(
        [
            entry("folder", free, cluster, 0x10, contiguous=False),
            entry("a file with a longer name", free + 1, 2 * cluster - 100),
            entry("gone", free + 8, 700, live=False),
            entry("pieces", free + 4, 2 * cluster, contiguous=False),
            entry("empty", 0, 0),
        ]
    )
    image[at : at + len(entries)] = entries
    below = entry("below", free + 3, 10) + entry("lost", free + 9, 10, live=False)
    image[place(free) : place(free) + len(below)] = below
    chain(free)
    used(free + 1, free + 2, free + 3)
    chain(free + 4, free + 6)
    for number in range(free + 1, free + 7):
        image[place(number) : place(number) + 16] = b"content of piece"
    path.write_bytes(image)


what, source = sys.argv[1], Path(sys.argv[2])
if what == "exfat":
    exfat(source)
elif what == "lvm":
    lvm(source.read_bytes(), Path(sys.argv[3]))
else:
    md(int(what[2:]), {"0": 2, "1": 0, "10": 1}[what[2:]], source.read_bytes(), Path(sys.argv[3]))
