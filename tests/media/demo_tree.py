"""What is on the demo medium's first partition, and what the demo policy makes of each item.

One table, written by the functions below: path, content, owner, times, and the outcome and rule that a
reader of the policy expects. `build` writes the tree and prints its lines of crates/imager/demo/expected.txt;
`times` prints debugfs commands that make every inode's times those of its content. Everything here is
invented: people, businesses, addresses. Names of hosts end in .example.

Expected lines: place on the medium, outcome, rule (`-` for none), looks, marker (`-` for none), path, with tabs between. A
marker is a word inside the item's content that is nowhere else: a package that shows it has leaked.
An item with several names has them all in the last column, with tabs between.
"""

import calendar
import hashlib
import os
import random
import stat
import struct
import subprocess
import sys
import time
import zlib

INODES = 1024  # as make-demo.sh asks of mke2fs
ROOT, MYSQL, WWW, MAIL, TENANT, TENANT2 = 0, 27, 33, 64, 10044, 10045
BAKERY, DENTIST, LAWYER, CHARITY, PHOTO = 10051, 10052, 10053, 10054, 10055


def at(text):
    return calendar.timegm(time.strptime(text, "%Y-%m-%d %H:%M"))


IN = at("2010-11-20 03:12")
BEFORE = at("2010-02-11 09:30")
EARLY = at("2009-08-05 14:00")

items = []  # dicts, in the order of creation
seen = set()


def marker(path):
    return "MARKER-" + hashlib.sha256(path).hexdigest()[:8].upper()


def put(path, content=b"", *, kind="file", uid=ROOT, mode=None, mtime=EARLY, to="left", rule="-",
        looks="metadata,hash", mark=True, links=(), target=b"", rdev=0, size=None, xattrs=()):
    """One item. `{marker}` in a text becomes the item's marker; else it is added, unless `mark` is false."""
    if isinstance(path, str):
        path = path.encode()
    if isinstance(content, str):
        content = content.encode()
    for name in (path, *links):
        folder(os.path.dirname(name))
    if rule == "I-1" and kind == "file" and uid in (TENANT, TENANT2):
        rule = "I-1,I-3"  # the place and the owner, each sufficient
    word = b"-"
    if kind == "file" and mark:
        word = marker(path).encode()
        if b"{marker}" in content:
            content = content.replace(b"{marker}", word)
        else:
            content += word + b"\n"
    elif marker(path).encode() in content:
        word = marker(path).encode()
    if mode is None:
        mode = {"file": 0o644, "dir": 0o755, "link": 0o777}.get(kind, 0o600)
    assert path not in seen, path
    seen.add(path)
    items.append(dict(path=path, content=content, kind=kind, uid=uid, mode=mode, mtime=mtime, to=to, rule=rule,
                      looks=looks, mark=word.decode(), links=list(links), target=target, rdev=rdev, size=size,
                      xattrs=xattrs))


# Which rule decides a directory: the place alone.
PLACES = [
    (b"/var/www/vhosts/cust4417.example", "captured", "I-1"),
    (b"/opt/panel/counsel", "listed", "W-1"),
    (b"/home/cust4417/counsel", "left", "-"),
    (b"/opt/panel", "captured", "I-1"),
    (b"/etc/tor", "captured", "I-1"),
    (b"/etc/ssl/cust4417", "captured", "I-1"),
    (b"/var/lib/mysql/cust4417_panel", "captured", "I-1"),
    (b"/var/lib/tor/keys", "captured", "I-1"),
    (b"/var/www/vhosts", "left", "X-1"),
    (b"/var/qmail/mailnames", "left", "X-2"),
    (b"/home/cust4417/Maildir", "left", "X-2"),
    (b"/home/bakery/Maildir", "left", "X-2"),
    (b"/srv/billing", "left", "X-2"),
    (b"/backup", "left", "X-2"),
]


def folder(path, uid=ROOT, mtime=EARLY, mode=0o755):
    if isinstance(path, str):
        path = path.encode()
    if path in seen or path == b"/":
        return
    to, rule = next(((to, rule) for place, to, rule in PLACES
                     if path == place or path.startswith(place + b"/")), ("left", "-"))
    put(path, kind="dir", uid=uid, mtime=mtime, mode=mode, to=to, rule=rule, looks="metadata")


captured = dict(to="captured", looks="metadata")


def noise(seed, size):
    """Bytes that look encrypted, the same on every run."""
    out = b""
    while len(out) < size:
        seed = hashlib.sha256(seed).digest()
        out += seed
    return out[:size]


def bot_binary():
    """A stand-in for a known bot binary: the headers of a program that does nothing."""
    head = b"MZ" + bytes(58) + struct.pack("<I", 128) + bytes(64)
    body = b"PE\0\0" + struct.pack("<HHIIIHH", 0x14C, 1, at("2010-07-01 00:00"), 0, 0, 0xE0, 0x102)
    return head + body + b"demonstration only: stands for a known bot binary\0" + noise(b"bot", 3000)


def picture(path, width):
    def chunk(name, data):
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
    rows = b"".join(b"\0" + bytes(width) for _ in range(width))
    text = chunk(b"tEXt", b"Comment\0" + marker(path.encode()).encode())
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", width, width, 8, 0, 0, 0, 0)) + text
            + chunk(b"IDAT", zlib.compress(rows, 9)) + chunk(b"IEND", b""))


def mail(sender, to, subject, body):
    return (f"Return-Path: <{sender}>\nFrom: {sender}\nTo: {to}\nSubject: {subject}\n"
            f"Date: Tue, 18 Jan 2011 10:04:11 -0600\n\n{body}\n")


def logins(path, rows):
    """wtmp: records of 384 bytes. The marker stands where the last host name would."""
    out = b""
    for user, line, host, when in rows:
        out += struct.pack("<hxxi32s4s32s256shhiii16s20s", 7, 2001, line, b"p0", user, host, 0, 0, 0, when, 0, b"", b"")
    mark = marker(path.encode()).encode()
    return out + struct.pack("<hxxi32s4s32s256shhiii16s20s", 8, 2001, b"pts/0", b"p0", b"", mark, 0, 0, 0, IN, 0, b"", b"")


def encrypted_zip(path, name, content):
    """A zip whose member is encrypted, as far as anyone without the password can see."""
    data = noise(path.encode(), 12 + len(content))
    crc = zlib.crc32(content)
    fields = (20, 1, 0, 0x1A2B, 0x3D74, crc, len(data), len(content), len(name), 0)
    local = b"PK\x03\x04" + struct.pack("<HHHHHIIIHH", *fields) + name + data
    central = b"PK\x01\x02" + struct.pack("<HHHHHHIIIHHHHHII", 20, *fields[:9], 0, 0, 0, 0, 0, 0) + name
    note = marker(path.encode()).encode()
    return local + central + b"PK\x05\x06" + struct.pack("<HHHHIIH", 0, 0, 1, 1, len(central), len(local), len(note)) + note


def system():
    plain = {
        "/etc/hostname": "kc07\n",
        "/etc/hosts": "127.0.0.1 localhost\n192.0.2.70 kc07.hosting.example\n",
        "/etc/fstab": "/dev/sda1 / ext4 defaults 0 1\n",
        "/etc/resolv.conf": "nameserver 192.0.2.53\n",
        "/etc/issue": "kc07, a shared server\n",
        "/etc/motd": "Maintenance every second Sunday.\n",
        "/etc/nginx/nginx.conf": "worker_processes 4;\ninclude sites-enabled/*;\n",
        "/etc/nginx/mime.types": "text/html html htm;\n",
        "/etc/my.cnf": "[mysqld]\ndatadir=/var/lib/mysql\n",
        "/etc/ssh/sshd_config": "PermitRootLogin no\n",
        "/etc/logrotate.conf": "weekly\nrotate 4\n",
        "/usr/share/doc/hosting/README": "Customer areas are below the web root.\n",
        "/usr/share/doc/hosting/CHANGES": "2.4 new panel for customers\n",
        "/usr/local/bin/rotate-sites": "#!/bin/sh\nexec logrotate /etc/logrotate.conf\n",
        "/var/log/messages": "Nov 20 03:00:01 kc07 syslogd: restart\n",
        "/var/log/cron": "Nov 20 03:00:01 kc07 crond: rotate-sites\n",
        "/root/notes.txt": "Renew the certificate of the mail host.\n",
        "/usr/lib/news/server.cfg": "feed = none\n",
    }
    for path, text in plain.items():
        put(path, text)
    put("/etc/passwd", "root:x:0:0::/root:/bin/sh\ncust4417:x:10044:10044::/home/cust4417:/bin/sh\n")
    put("/etc/shadow", "root:*:14900:0:99999:7:::\nbakery:*:14900:0:99999:7:::\n", mode=0o600)
    put("/etc/ssl/private/mail.pem", "-----BEGIN RSA PRIVATE KEY-----\nbm90IGEga2V5\n{marker}\n-----END RSA PRIVATE KEY-----\n",
        mode=0o600)
    put("/dev/null", kind="char", mode=0o666, rdev=os.makedev(1, 3), looks="metadata")
    put("/dev/sda", kind="block", rdev=os.makedev(8, 0), looks="metadata")
    put("/var/run/mysqld.sock", kind="socket", uid=MYSQL, looks="metadata")
    put("/var/empty", kind="dir", looks="metadata")
    put("/var/tmp/empty.txt", mark=False, uid=WWW, to="left", looks="metadata,content")
    put("/usr/share/doc/hosting/EMPTY", mark=False, looks="metadata")


def tenant_web():
    web = dict(captured, rule="I-1", uid=TENANT, mtime=IN)
    base = "/var/www/vhosts/cust4417.example"
    folder(base, uid=TENANT)
    put(f"{base}/httpdocs/gate.php", "<?php\n// hands out the next job to a bot that reports in\n"
        "require 'config.inc.php';\necho next_job($_POST['id']);\n", **web)
    put(f"{base}/httpdocs/config.inc.php", "<?php\n$panel = '/opt/panel';\n$interval = 900;\n", **web)
    put(f"{base}/httpdocs/index.html", "<!DOCTYPE html><title>Under construction</title>\n", **web)
    put(f"{base}/httpdocs/stat.php", "<?php echo count(file('/opt/panel/bots/online.csv'));\n", **web)
    put(f"{base}/httpdocs/update/ldr_0117.bin", bot_binary(), mark=False, **web)
    put(f"{base}/httpdocs/-rf", "a name that begins with a dash\n", **web)
    put(f"{base}/httpdocs/.htaccess", "Options -Indexes\n", **web)
    put(f"{base}/conf/vhost.conf", "server_name cust4417.example;\n", **dict(web, uid=ROOT))
    path = f"{base}/tmp/parts.zip"
    put(path, encrypted_zip(path, b"parts.bin", b"x" * 900), mark=False, **web)
    put(f"{base}/httpdocs/lang.php", "<?php return array('ok' => 'OK'); // also linked from the bakery's tree\n",
        uid=TENANT, mtime=IN, to="left", rule="X-1", looks="metadata",
        links=[b"/var/www/vhosts/bakery.example/httpdocs/cache/lang.php"])
    held = dict(to="held:victim-data", rule="H-2", looks="metadata", uid=TENANT, mtime=IN)
    put(f"{base}/httpdocs/out/mails_de.txt", "anna@post.example\nbernd@post.example\n", **held)
    put(f"{base}/httpdocs/out/harvest.lst", "carol@mail.example\ndave@mail.example\n", **held)


def panel():
    panel = dict(captured, rule="I-1", uid=TENANT, mtime=IN)
    held = dict(to="held:victim-data", rule="H-2", looks="metadata", uid=TENANT, mtime=IN)
    put("/opt/panel/panel.conf", "listen 8443\nstore /opt/panel/db\n", xattrs=[(b"user.role", b"controller")], **panel)
    put("/opt/panel/bin/panel", b"\x7fELF\x01\x01\x01" + bytes(9) + b"\x02\0\x03\0" + noise(b"panel", 2000),
        **dict(panel, mode=0o755))
    put("/opt/panel/bots/online.csv", "id,country,version\n" + "".join(
        f"{n:08x},US,0117\n" for n in range(0x2011, 0x2011 + 90 * 37, 37)), **panel)
    put("/opt/panel/bots/retired.csv", "id,country,version\n", **panel)
    put("/opt/panel/jobs/2011-02-14.job", "template=meds7\nlist=emails_us\nrate=200\n", **panel)
    put("/opt/panel/jobs/2011-03-01.job", "template=lotto\nlist=mails_de\nrate=150\n", **panel)
    put("/opt/panel/templates/meds7.txt", "Subject: {rand}\n\nViagra from 0.99. Valium, too.\n", **panel)
    put("/opt/panel/db/sessions.map", b"", mark=False, size=6 << 20, **panel)
    put("/opt/panel/db/keys.dat", b"key table\n", links=[b"/root/.cache/keys.dat"], **panel)
    put("/opt/panel/empty.log", mark=False, **panel)
    put("/opt/panel/tmp/epoch", "its times are those of the epoch\n", **dict(panel, mtime=0))
    put("/opt/panel/run/ctl", kind="fifo", **panel)
    put("/opt/panel/run/panel.sock", kind="socket", **panel)
    put("/opt/panel/run/null", kind="char", rdev=os.makedev(1, 3), **panel)
    put("/opt/panel/tmp/shadow", kind="link", target=b"/etc/shadow", **panel)
    put("/opt/panel/tmp/dentist", kind="link", target=b"../../../var/www/vhosts/dentist.example/private", **panel)
    names = [b"line\nbreak.txt", b"not-utf8-\xff\xfe.txt", "bidi-\u202etxt.exe".encode(), "cafe\u0301.txt".encode(),
             "\u0130stanbul.txt".encode(), "Stra\u00dfe.txt".encode(), b"-n", b"100%.txt", b"tab\there.txt",
             "caf\u00e9.txt".encode(), b"long-" + b"n" * 246 + b".txt", b" space ", b"esc\x1b[2J.txt"]
    for name in names:
        put(b"/opt/panel/in/" + name, b"dropped by a bot\n", **panel)
    put("/opt/panel/out/emails_us.txt", "erin@mail.example\nfrank@mail.example\n" * 40, **held)
    put("/opt/panel/out/emails_uk.txt", "grace@mail.example\n", **held)
    put("/opt/panel/out/sent.log", "2011-03-01 mails_de 4120\n", **panel)
    put("/opt/panel/dumps/pass_ftp.txt", "ftp.shop.example erin hunter2\n", **held)
    put("/opt/panel/dumps/mailpass_0302.txt", "frank@mail.example correcthorse\n", **held)
    put(b"/opt/panel/dumps/pass\nword\xff.txt", "grace@mail.example tr0ub4dor\n", **held)
    put("/opt/panel/dumps/forms.lst", "card ending 0000, name withheld\n", **held)
    put("/opt/panel/dumps/empty.lst", mark=False, **held)
    listed = dict(to="listed", rule="W-1", looks="metadata", uid=TENANT, mtime=IN)
    put("/opt/panel/counsel/letter-2011-02.txt", "To my lawyer, about the hosting contract.\n", **listed)
    put("/opt/panel/counsel/reply.txt", "From counsel: do not answer them yourself.\n", **listed)
    put("/opt/panel/counsel/witness_emails.txt", "heidi@mail.example\n",
        **dict(listed, to="listed:victim-data", rule="W-1,H-2"))


def tenant_home():
    mine = dict(captured, rule="I-3", uid=TENANT, mtime=IN)
    put("/home/cust4417/.bash_history", "cd /opt/panel\n./bin/panel --reload\n", **mine)
    put("/home/cust4417/.ssh/authorized_keys", "ssh-rsa AAAAB3Nza demo\n", **dict(mine, mode=0o600))
    put("/home/cust4417/todo.txt", "new templates, second server\n", **dict(mine, uid=TENANT2))
    put("/home/cust4417/upload.tar", b"\0" * 257 + b"ustar\0" + b"00" + bytes(247), **mine)
    put("/home/cust4417/old/2009.txt", "before the lease: the owner decides, not the date\n", **dict(mine, mtime=EARLY))
    put("/home/cust4417/by-root.txt", "a file of root's in the tenant's home\n")
    put("/home/cust4417/counsel/draft.txt", "Draft of a letter to my lawyer.\n", uid=TENANT, mtime=IN, to="listed",
        rule="W-1", looks="metadata")
    put("/home/cust4417/Maildir/cur/1289.M1.kc07", mail("frank@mail.example", "cust4417@cust4417.example", "hello", "?"),
        uid=TENANT, mtime=IN, to="left", rule="X-2", looks="metadata")
    put("/srv/shared/from-tenant.txt", "the tenant's file in a shared folder\n", **mine)


def server_config():
    conf = dict(captured, rule="I-1", mtime=IN)
    put("/etc/nginx/sites-enabled/cust4417.conf", "root /var/www/vhosts/cust4417.example/httpdocs;\n", **conf)
    put("/etc/nginx/sites-enabled/bakery.conf", "root /var/www/vhosts/bakery.example/httpdocs;\n")
    put("/etc/nginx/sites-enabled/dentist.conf", "root /var/www/vhosts/dentist.example/httpdocs;\n")
    put("/etc/tor/torrc", "HiddenServicePort 80 127.0.0.1:8443\n", **conf)
    put("/etc/ssl/cust4417/cert.pem", "-----BEGIN CERTIFICATE-----\nbm90IGEgY2VydA\n-----END CERTIFICATE-----\n", **conf)
    put("/etc/crontab", "*/15 * * * * cust4417 /opt/panel/bin/panel --tick\n", **conf)
    put("/etc/cron.d/panel", "@reboot cust4417 /opt/panel/bin/panel\n", **conf)
    put("/etc/cron.d/rotate", "0 3 * * 0 root /usr/local/bin/rotate-sites\n", **conf)
    put("/var/lib/tor/keys/secret_id_key", noise(b"tor", 800), **conf)
    put("/var/lib/tor/state", "TorVersion demo\n")


def logs():
    line = "198.51.100.7 - - [20/Nov/2010:03:12:44 +0000] \"POST /gate.php HTTP/1.0\" 200 64\n"
    inside = dict(captured, rule="I-2", uid=ROOT)
    put("/var/log/nginx/cust4417-access.log", line * 60, mtime=IN, **inside)
    put("/var/log/nginx/cust4417-error.log", "2010/11/20 worker started\n", mtime=IN, **inside)
    put("/var/log/nginx/cust4417-access.log.1", line, mtime=at("2010-06-01 05:00"), **inside)
    put("/var/log/nginx/cust4417-access.log.2", line, mtime=at("2010-06-01 04:59"))
    put("/var/log/nginx/cust4417-access.log.3", line, mtime=BEFORE)
    put("/var/log/nginx/cust4417-access.log.new", line, mtime=at("2011-03-17 05:00"))
    put("/var/log/nginx/cust4417-epoch.log", line, mtime=0)
    put("/var/log/nginx/bakery-access.log", line, mtime=IN)
    put("/var/log/nginx/dentist-access.log", line, mtime=IN)
    held = dict(to="held:neutral", rule="H-1", looks="metadata")
    put("/var/log/auth.log", "Nov 20 03:10:02 kc07 sshd[311]: Accepted password for cust4417\n"
        "Nov 20 08:10:02 kc07 sshd[402]: Accepted password for bakery\n", mtime=IN, **held)
    put("/var/log/auth.log.1", "Nov 13 08:11:30 kc07 sshd[377]: Accepted password for dentist\n", mtime=IN, **held)
    put("/var/log/auth.log.2", "Feb 11 08:11:30 kc07 sshd[399]: Accepted password for charity\n", mtime=BEFORE, **held)
    put("/var/log/maillog", "Nov 20 03:12:44 kc07 qmail: from=<orders@bakery.example>\n", mtime=IN, **held)
    put("/var/log/xferlog", "Sat Nov 20 03:12:44 2010 ldr_0117.bin cust4417 ftp\n", mtime=IN, **held)
    put("/var/log/xferlog.1", "Thu Feb 11 03:12:44 2010 recipes.pdf bakery ftp\n", mtime=BEFORE)
    rows = [(b"cust4417", b"pts/0", b"198.51.100.7", IN), (b"bakery", b"pts/1", b"203.0.113.9", IN + 18000)]
    put("/var/log/wtmp", logins("/var/log/wtmp", rows), mark=False, mtime=IN, **held)
    put("/var/log/btmp", logins("/var/log/btmp", rows[1:]), mark=False, mtime=IN, **held)
    put("/var/log/lastlog", noise(b"lastlog", 600), mtime=IN, **held)


def temporary():
    taken = dict(to="captured", rule="I-3", looks="metadata,hash,content", uid=WWW, mtime=IN)
    missed = dict(taken, to="left", rule="-")
    unknown = dict(taken, to="held:neutral", rule="-")
    put("/tmp/tpl_meds.txt", "Cheap VIAGRA and Valium, no questions\n{marker}\n", **taken)
    put("/tmp/tpl_lotto.html", "<html><body>You won the Microsoft Lottery! Also: vicodin.</body></html>\n", **taken)
    wide = "\ufeffMICROSOFT LOTTERY: you won. Ask about Vicodin.\r\n" + marker(b"/tmp/tpl_wide.txt") + "\r\n"
    put("/tmp/tpl_wide.txt", wide.encode("utf-16-le"), mark=False, **taken)
    body = b"\x01" + "viagra, valium: ".encode("utf-16-be") + b"\0\x02"
    put("/tmp/.X/queue.dat", body, **taken)
    filler = b"".join(b"%06d nothing to see in this line of a long template\n" % n for n in range(1400))
    split = filler[:65536 - 9] + b"microsoft lottery" + filler[65536:70000] + b" vicodin\n"
    put("/tmp/.cache/tpl_long.txt", split, **taken)
    put("/var/tmp/tpl_old.txt", "viagra viagra valium\n", **taken)
    put("/tmp/one_word.txt", "A leaflet on valium for patients of the practice.\n", **missed)
    put("/tmp/sess_4f2a", "cart|a:1:{s:5:\"bread\";i:2;}\n", **missed)
    put("/tmp/upload_menu.txt", "Soup of the day: pumpkin.\n", **missed)
    put("/dev/shm/state", "ok\n", **missed)
    path = "/tmp/php4F1.png"
    put(path, picture(path, 48), mark=False, **missed)
    mark = marker(b"/tmp/.X/enc.bin").encode()
    put("/tmp/.X/enc.bin", noise(b"enc", 700) + mark + noise(b"bin", 700), mark=False, **unknown)
    path = "/tmp/upl_7f.zip"
    put(path, encrypted_zip(path, b"scan.pdf", b"y" * 500), mark=False, **unknown)
    put("/tmp/letter.txt", "Gr\u00fc\u00dfe aus K\u00f6ln\n".encode("latin-1"), **unknown)
    put("/tmp/dump.sparse", mark=False, size=5 << 20, uid=WWW, mtime=IN)
    put("/tmp/mysql.sock", kind="socket", uid=MYSQL, looks="metadata")
    put("/tmp/panel", kind="link", target=b"/opt/panel/panel.conf", uid=WWW, looks="metadata")
    put("/tmp/of-the-tenant.zip", encrypted_zip("/tmp/of-the-tenant.zip", b"a", b"z" * 300), mark=False,
        **dict(captured, rule="I-3", uid=TENANT, mtime=IN))
    put("/usr/lib/news/.svc/ldr.exe", bot_binary(), mark=False, to="captured", rule="I-3", looks="metadata,hash",
        mtime=IN)


def customers():
    sites = [
        ("bakery.example", BAKERY, "Fresh bread from six o'clock", "orders", [
            "Order 311: wedding cake, three tiers, for the second of April.",
            "Order 312: 40 rolls for the fire brigade.",
            "Order 313: no nuts, the child is allergic."]),
        ("dentist.example", DENTIST, "Dental practice by the river", "private", [
            "Patient 1181: root canal, lower left; afraid of needles.",
            "Patient 1190: expecting, no X-ray.",
            "Patient 1207: payment by instalments agreed."]),
        ("lawfirm.example", LAWYER, "Attorneys at law", "mandates", [
            "Mandate 77: custody, the mother fears for the younger child.",
            "Mandate 81: inheritance, will contested by the brother.",
            "Mandate 90: dismissal after illness, hearing in May."]),
        ("charity.example", CHARITY, "Shelter for the night", "guests", [
            "Guest list, Tuesday: 14 beds taken.",
            "A donor who wishes not to be named gave 500.",
            "House rules, in four languages."]),
        ("photo.example", PHOTO, "Portraits and weddings", "albums", [
            "Album 12, password for the couple: sunflower.",
            "Album 13: not to be published.",
            "Album 15: school, consent of two parents is missing."]),
    ]
    for host, uid, title, private, notes in sites:
        out = dict(to="left", rule="X-1", looks="metadata", uid=uid, mtime=IN)
        base = f"/var/www/vhosts/{host}"
        folder(base, uid=uid)
        put(f"{base}/httpdocs/index.php", f"<?php $title = '{title}'; include 'page.php';\n", **out)
        put(f"{base}/httpdocs/page.php", "<?php echo \"<h1>$title</h1>\";\n", **out)
        put(f"{base}/httpdocs/style.css", "body { font-family: serif }\n", **out)
        put(f"{base}/httpdocs/contact.html", f"<html><body>info@{host}</body></html>\n", **out)
        path = f"{base}/httpdocs/logo.png"
        put(path, picture(path, 32), mark=False, **out)
        for n, note in enumerate(notes, 1):
            put(f"{base}/{private}/{n:04}.txt", note + "\n", **out)
        mailbox = dict(out, rule="X-2", uid=MAIL)
        for user in ("info", "office"):
            box = f"/var/qmail/mailnames/{host}/{user}/Maildir"
            for n, note in enumerate(notes, 1):
                put(f"{box}/cur/12{n}.{user}.kc07", mail("ivan@mail.example", f"{user}@{host}", "your message", note), **mailbox)
            put(f"{box}/new/1300.{user}.kc07", mail("judy@mail.example", f"{user}@{host}", "viagra", "valium vicodin"), **mailbox)
        name = host.partition(".")[0]
        for table in ("customers", "orders"):
            put(f"/var/lib/mysql/{name}_shop/{table}.MYD", b"\xff\x01" + noise(table.encode() + host.encode(), 200),
                **dict(out, rule="X-2", uid=MYSQL))
            put(f"/var/lib/mysql/{name}_shop/{table}.frm", b"\xfe\x01" + noise(host.encode() + table.encode(), 90),
                **dict(out, rule="X-2", uid=MYSQL))
    out = dict(to="left", rule="X-1", looks="metadata", mtime=IN)
    put("/var/www/vhosts/bakery.example/httpdocs/up/x.exe", bot_binary(), mark=False, uid=BAKERY, **out)
    put("/var/www/vhosts/bakery.example/httpdocs/up/of-the-tenant.txt", "owned by the tenant, in another's site\n",
        uid=TENANT, **out)
    put("/var/www/vhosts/bakery.example/httpdocs/panel", kind="link", target=b"/opt/panel", uid=BAKERY, **out)
    put(b"/var/www/vhosts/photo.example/albums/\xe9t\xe9.txt", "a name in an older encoding\n", uid=PHOTO, **out)
    put("/var/www/vhosts/photo.example/albums/K\u00f6ln.txt", "album of a trip\n", uid=PHOTO, **out)
    put("/var/www/vhosts/default/index.html", "<html>no site here</html>\n", **out)
    put("/home/bakery/recipes.txt", "Rye: two days of sourdough.\n", uid=BAKERY)
    put("/home/bakery/diary.txt", "The doctor called. I have told nobody yet.\n", uid=BAKERY, mode=0o600)
    put("/home/bakery/Maildir/cur/9001.kc07", mail("mum@mail.example", "baker@bakery.example", "Sunday", "Lunch?"),
        uid=BAKERY, to="left", rule="X-2", looks="metadata")
    put("/home/dentist/appointments.csv", "08:00,1181\n08:30,1190\n", uid=DENTIST)
    put("/home/dentist/scope", kind="link", target=b"/opt/panel/out", uid=DENTIST, looks="metadata")
    put("/home/lawfirm/strategy.txt", "We settle if they offer more than half.\n", uid=LAWYER)
    put("/home/charity/donors.csv", "name,amount\nwithheld,500\n", uid=CHARITY)


def databases():
    taken = dict(captured, rule="I-1", uid=MYSQL, mtime=IN)
    for table in ("bots", "jobs", "admins"):
        put(f"/var/lib/mysql/cust4417_panel/{table}.MYD", b"\xff\x01" + noise(table.encode(), 300), **taken)
        put(f"/var/lib/mysql/cust4417_panel/{table}.frm", b"\xfe\x01" + noise(table.encode() * 2, 90), **taken)
    put("/var/lib/mysql/ibdata1", noise(b"ibdata1", 4000), uid=MYSQL, mtime=IN, to="held:neutral", rule="H-1",
        looks="metadata")
    put("/var/lib/mysql/mysql/user.MYD", noise(b"user", 300), uid=MYSQL, mtime=IN, to="left", rule="X-2", looks="metadata")
    put("/var/lib/mysql/kc07.err", "ready for connections\n", uid=MYSQL, mtime=IN)


def provider():
    out = dict(to="left", rule="X-2", looks="metadata", mtime=IN)
    for month in range(6, 13):
        put(f"/srv/billing/2010-{month:02}/invoices.csv", "customer,amount\nbakery,19\ndentist,29\ncust4417,499\n", **out)
    put("/srv/billing/contracts/cust4417.txt", "Monthly, paid in advance, name unverified.\n", **out)
    put("/srv/billing/bank.txt", "Account 000000, invented.\n", **out)
    put("/backup/weekly/sites.tar.gz", b"\x1f\x8b\x08\0\0\0\0\0\0\x03" + noise(b"backup", 2500), **out)
    put("/backup/weekly/panel/gate.php", "<?php // a copy of the tenant's file, in the provider's backup\n", **out)
    put("/backup/keys.asc", "-----BEGIN PGP PRIVATE KEY BLOCK-----\n{marker}\n-----END PGP PRIVATE KEY BLOCK-----\n", **out)


def tree():
    for part in (system, tenant_web, panel, tenant_home, server_config, logs, temporary, customers, databases, provider):
        part()
    put("/lost+found", kind="dir", mode=0o700, looks="metadata")
    put("/", kind="dir", looks="metadata")


def build(root, fixes, policy, place):
    tree()
    with open(policy, encoding="utf-8") as file:
        known = hashlib.sha256(bot_binary()).hexdigest()
        assert known in file.read(), f"the policy's list must hold {known}"
    os.makedirs(root)
    commands = []
    for item in items:
        path = os.fsencode(root) + item["path"]
        if item["path"] in (b"/", b"/lost+found"):
            continue
        kind = item["kind"]
        if kind == "dir":
            os.mkdir(path)
        elif kind == "link":
            os.symlink(item["target"], path)
        elif kind == "file":
            with open(path, "xb") as file:
                file.write(item["content"])
                if item["size"]:
                    file.truncate(item["size"])
            for link in item["links"]:
                other = os.fsencode(root) + link
                os.link(path, other)
        else:
            bits = dict(fifo=stat.S_IFIFO, socket=stat.S_IFSOCK, char=stat.S_IFCHR, block=stat.S_IFBLK)[kind]
            os.mknod(path, bits | 0o600, item["rdev"])
        os.lchown(path, item["uid"], item["uid"])
        if kind != "link":
            os.chmod(path, item["mode"])
        for name, value in item["xattrs"]:
            commands.append(f'ea_set "{item["path"].decode()}" {name.decode()} {value.decode()}')
    for item in reversed(items):
        if item["path"] not in (b"/", b"/lost+found"):
            path = os.fsencode(root) + item["path"]
            os.utime(path, (item["mtime"], item["mtime"]), follow_symlinks=False)
    with open(fixes, "w", encoding="utf-8") as file:
        file.write("\n".join(commands) + "\n")
    for item in sorted(items, key=lambda item: item["path"]):
        names = sorted([item["path"], *item["links"]])
        print("\t".join([place, item["to"], item["rule"], item["looks"], item["mark"], *map(escaped, names)]))


def escaped(name):
    return "".join(chr(c) if 0x20 <= c < 0x7F and c != 0x25 else f"%{c:02X}" for c in name)


def times(image):
    """Inode change and creation times come from the day of the build: set them to the time of modification."""
    wanted = "".join(f"stat <{inode}>\n" for inode in range(2, INODES + 1))
    shown = subprocess.run(["debugfs", "-f", "-", image], input=wanted, capture_output=True, text=True, check=True,
                           errors="replace").stdout
    inode, linked = None, False
    for line in shown.splitlines():
        if line.startswith("Inode:"):
            inode = int(line.split()[1])
        elif line.startswith("Links:"):
            linked = int(line.split()[1]) > 0
        elif " mtime: 0x" in line and linked and (inode == 2 or inode >= 11):
            seconds = int(line.split("0x")[1].split(":")[0], 16)
            if inode in (2, 11):
                seconds = EARLY
                print(f"sif <{inode}> mtime @{seconds}")
            for field in ("atime", "ctime", "crtime"):
                print(f"sif <{inode}> {field} @{seconds}")
            for field in ("atime_extra", "mtime_extra", "ctime_extra", "crtime_extra"):
                print(f"sif <{inode}> {field} 0")


if __name__ == "__main__":
    if sys.argv[1] == "build":
        build(*sys.argv[2:])
    else:
        times(*sys.argv[2:])
