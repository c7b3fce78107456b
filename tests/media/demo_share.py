"""What is on the demo medium's second partition: an NTFS volume, the backup share of the same server's customers.

As demo_tree.py, whose words and marks it uses: one table with content, owner, and what a reader of the policy
expects. `fill MOUNT` writes it through ntfs-3g; `expected PLACE` prints its lines of crates/imager/demo/expected.txt.

The share is written as Windows programs do it: names in mixed case, which the policy writes in lower case; named
streams (`file:stream`), one of which hides a known program; compressed files; a file with two names; owners that are
security identifiers; a file that was deleted.
"""

import os
import struct
import sys

import demo_tree
from demo_tree import IN, bot_binary, encrypted_zip, marker, noise

# User numbers, which ntfs-3g turns into security identifiers: see make-demo.sh.
ADMIN, TENANT, BAKERY, DENTIST = 0, 10044, 10051, 10053
COMPRESSED = bytes.fromhex("00000800")  # FILE_ATTRIBUTE_COMPRESSED
LOCKED = 128 << 10  # bytes of the third partition
EPOCH = 116444736000000000  # 1970-01-01 in units of 100 ns since 1601

items = []
folders = {}


def put(path, content=b"", *, uid=ADMIN, to="left", rule="-", looks="metadata,hash", mark=True, links=(),
        compressed=False, deleted=False):
    """A file, or a named stream `file:stream` of a file that was put before."""
    if isinstance(content, str):
        content = content.encode()
    word = "-"
    if mark:
        word = marker(path.encode())
        content += word.encode() + b"\n"
    elif marker(path.encode()).encode() in content:
        word = marker(path.encode())
    for name in (path, *links):
        folder(os.path.dirname(name))
    items.append(dict(path=path, content=content, uid=uid, to=to, rule=rule, looks=looks, mark=word,
                      links=list(links), compressed=compressed, deleted=deleted))


def folder(path, uid=ADMIN):
    if path == "/" or path in folders:
        return
    folder(os.path.dirname(path))
    to, rule = "left", "-"
    if (path + "/").startswith("/Share/Cust4417/Counsel/"):
        to, rule = "listed", "W-1"
    elif (path + "/").startswith("/Share/Cust4417/"):
        to, rule = "captured", "I-1"
    elif (path + "/").startswith("/Share/"):
        to, rule = "left", "X-1"
    folders[path] = dict(path=path, uid=uid, to=to, rule=rule, looks="metadata")


def tenant():
    mine = dict(uid=TENANT, to="captured", rule="I-1,I-3", looks="metadata")
    base = "/Share/Cust4417"
    folder(base, uid=TENANT)
    rows = "".join(f"{n:08x};US;0117;2011-01-{n % 28 + 1:02}\r\n" for n in range(0x2011, 0x2011 + 6000 * 37, 37))
    put(f"{base}/Panel/Bots-2011-01.csv", "id;country;version;seen\r\n" + rows, compressed=True, **mine)
    put(f"{base}/Panel/Loader.exe", bot_binary(), mark=False, links=[f"{base}/Old/ldr_0117.exe"], **mine)
    put(f"{base}/Panel/Settings.ini", "[panel]\r\nport=8443\r\n", **mine)
    put(f"{base}/Panel/Settings.ini:Zone.Identifier", "[ZoneTransfer]\r\nZoneId=3\r\n", **mine)
    put(f"{base}/Panel/Settings.ini:accounts", "second server: user ivan, same word as before\r\n", **mine)
    put(f"{base}/Notes of an administrator.txt", "not the tenant's file, in the tenant's folder\r\n",
        **dict(mine, uid=ADMIN, rule="I-1"))
    held = dict(uid=TENANT, to="held:victim-data", rule="H-2", looks="metadata")
    put(f"{base}/Out/EMails_fr.txt", "judy@mail.example\r\nkarl@mail.example\r\n", **held)
    put(f"{base}/Out/fresh.LST", "lena@mail.example\r\n" * 900, compressed=True, **held)
    listed = dict(uid=TENANT, to="listed", rule="W-1", looks="metadata")
    put(f"{base}/Counsel/Letter 2011-03.txt", "To my lawyer, about the backups.\r\n", **listed)
    put(f"{base}/Counsel/Letter 2011-03.txt:summary", "what the letter says in one line\r\n", **listed)
    # Of a deleted file, its record is taken: name, size, times. The owners' rule is of files and streams.
    put(f"{base}/Out/wiped.txt", "deleted before the server was seized\r\n", mark=False, deleted=True,
        **dict(mine, rule="I-1"))


def others():
    out = dict(to="left", rule="X-1", looks="metadata")
    bakery = dict(out, uid=BAKERY)
    base = "/Share/Bakery"
    folder(base, uid=BAKERY)
    put(f"{base}/Recipes.txt", "Rye: two days of sourdough, in a cool room.\r\n", **bakery)
    put(f"{base}/Orders 2010.csv", "".join(f"{n};rolls;{n % 40}\r\n" for n in range(4000)), compressed=True, **bakery)
    put(f"{base}/Orders 2010.csv:author", "the apprentice\r\n", **bakery)
    put(f"{base}/Setup.exe", bot_binary(), mark=False, **bakery)
    dentist = dict(out, uid=DENTIST)
    base = "/Share/Dentist"
    folder(base, uid=DENTIST)
    put(f"{base}/Patients.csv", "1181;root canal\r\n1190;expecting\r\n", **dentist)
    put(f"{base}/Letter to the insurer.txt", "Patient 1207 pays by instalments.\r\n", **dentist)
    put(f"{base}/From the tenant.txt", "owned by the tenant, in another's folder\r\n", **dict(dentist, uid=TENANT))


def server():
    put("/Tools/Readme.txt", "Programs for all customers.\r\n")
    put("/Tools/Readme.txt:svc.exe", bot_binary(), mark=False, to="captured", rule="I-3")
    put("/Tools/backup.cmd", "robocopy D:\\Sites D:\\Share /MIR\r\n")
    put("/Tools/from the tenant.txt", "the tenant's file in a common folder\r\n", uid=TENANT, to="captured", rule="I-3",
        looks="metadata")
    put("/Logs/backup.log", "2011-03-01 03:00 all folders done\r\n" * 700, compressed=True)


# What every NTFS volume has, as mkntfs makes it.
SYSTEM = """$AttrDef $BadClus $Bitmap $Boot $Extend $Extend/$ObjId $Extend/$Quota $Extend/$Reparse $LogFile $MFT $MFTMirr $Secure
    $Secure:$SDS $UpCase $UpCase:$Info $Volume"""


def locked():
    """The third partition: a LUKS header, and noise, which no one reads without a key."""
    head = b"LUKS\xba\xbe" + struct.pack(">H32s32s32sII", 1, b"aes", b"xts-plain64", b"sha256", 512, 32)
    head += noise(b"digest", 20) + noise(b"salt", 32) + struct.pack(">I40s", 100000, b"4b433037-2011-4316-8000-00000000c0de")
    return head + noise(b"locked", LOCKED - len(head))


def table():
    tenant()
    others()
    server()


def fill(root):
    table()
    for item in folders.values():
        os.mkdir(root + item["path"])
    for item in items:
        path = root + item["path"]
        # What is made in a compressed folder is compressed: the folder is one for that moment.
        if item["compressed"]:
            os.setxattr(os.path.dirname(path), "system.ntfs_attrib_be", COMPRESSED)
        with open(path, "xb") as file:
            file.write(item["content"])
        if item["compressed"]:
            os.setxattr(os.path.dirname(path), "system.ntfs_attrib_be", bytes(4))
        for link in item["links"]:
            os.link(path, root + link)
    for item in [*items, *folders.values(), dict(path="/", uid=ADMIN)]:
        path = root + item["path"]
        if ":" not in item["path"]:
            os.chown(path, item["uid"], item["uid"])
    for item in items:
        if item["deleted"]:
            os.unlink(root + item["path"])
    times = b"".join((IN * 10**7 + EPOCH).to_bytes(8, "big") for _ in range(4))
    for item in [*items, *reversed(folders.values()), dict(path="/", deleted=False)]:
        if ":" not in item["path"] and not item.get("deleted"):
            os.setxattr(root + item["path"], "system.ntfs_times_be", times)


def expected(place):
    table()
    rows = [dict(item, names=sorted([item["path"], *item["links"]])) for item in items]
    rows += [dict(item, names=[item["path"]], mark="-") for item in folders.values()]
    rows += [dict(to="left", rule="X-2", looks="metadata", mark="-", names=["/" + name]) for name in SYSTEM.split()]
    rows += [dict(to="left", rule="-", looks="metadata", mark="-", names=["/"])]
    for item in sorted(rows, key=lambda item: item["names"][0]):
        names = [demo_tree.escaped(name.encode()) for name in item["names"]]
        print("\t".join([place, item["to"], item["rule"], item["looks"], item["mark"], *names]))


if __name__ == "__main__":
    if sys.argv[1] == "fill":
        fill(sys.argv[2])
    elif sys.argv[1] == "locked":
        sys.stdout.buffer.write(locked())
    else:
        expected(sys.argv[2])
