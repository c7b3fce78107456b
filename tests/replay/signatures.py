"""Ed25519 (RFC 8032, section 5.1) and SSH signatures (docs/spec/seal.md), for verification alone.

    sshsig_holds(text, "ambit/manifest/v1", "ssh-ed25519 AAAA...", data)       True

Slow and plain; keys of security tokens are refused.
"""

import base64
import hashlib

P = 2**255 - 19
L = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, P - 2, P) % P
ROOT = pow(2, (P - 1) // 4, P)
ZERO = (0, 1, 1, 0)
BEGIN, END = "-----BEGIN SSH SIGNATURE-----", "-----END SSH SIGNATURE-----"


def verifies(key, message, signature):
    """S below the order, no point of small order, and [S]B - [k]A equal to R byte for byte."""
    if len(key) != 32 or len(signature) != 64:
        return False
    point, given, number = decoded(key), decoded(signature[:32]), int.from_bytes(signature[32:], "little")
    if point is None or given is None or number >= L or any(small(each) for each in (point, given)):
        return False
    challenge = int.from_bytes(hashlib.sha512(signature[:32] + key + message).digest(), "little") % L
    x, y, z, t = point
    return encoded(added(times(number, BASE), times(challenge, (-x % P, y, z, -t % P)))) == signature[:32]


def decoded(data):
    """A point in extended coordinates; None where the bytes are not one."""
    number = int.from_bytes(data, "little")
    sign, y = number >> 255, number & (2**255 - 1)
    square = (y * y - 1) * pow(D * y * y + 1, P - 2, P) % P
    x = pow(square, (P + 3) // 8, P)
    if (x * x - square) % P:
        x = x * ROOT % P
    if (x * x - square) % P:
        return None
    y %= P
    if x & 1 != sign:
        x = -x % P
    return x, y, 1, x * y % P


def encoded(point):
    x, y, z, _ = point
    inverse = pow(z, P - 2, P)
    return (y * inverse % P | (x * inverse % P & 1) << 255).to_bytes(32, "little")


def added(first, second):
    x1, y1, z1, t1 = first
    x2, y2, z2, t2 = second
    a, b, c, d = (y1 - x1) * (y2 - x2) % P, (y1 + x1) * (y2 + x2) % P, 2 * t1 * t2 * D % P, 2 * z1 * z2 % P
    e, f, g, h = b - a, d - c, d + c, b + a
    return e * f % P, g * h % P, f * g % P, e * h % P


def times(number, point):
    result = ZERO
    while number:
        if number & 1:
            result = added(result, point)
        point = added(point, point)
        number >>= 1
    return result


def small(point):
    x, y, z, _ = times(8, point)
    return x % P == 0 and (y - z) % P == 0


BASE = decoded((4 * pow(5, P - 2, P) % P).to_bytes(32, "little"))


def public_key(line):
    """The 32 bytes of a line `ssh-ed25519 <base64>`."""
    kind, text = line.split(" ")[:2]
    blob = unbase64(text)
    head = string(b"ssh-ed25519") + (32).to_bytes(4, "big")
    if kind != "ssh-ed25519" or len(blob) != len(head) + 32 or not blob.startswith(head):
        raise ValueError("not a key of the kind ssh-ed25519")
    return blob[len(head):]


def sshsig_holds(text, namespace, key, data):
    """Whether an SSH signature is by this key, in this namespace, over these bytes."""
    key = public_key(key)
    blob = string(b"ssh-ed25519") + string(key)
    head = b"SSHSIG" + (1).to_bytes(4, "big") + string(blob) + string(namespace.encode()) + string(b"") + string(b"sha512")
    lines = text.split("\n")
    try:
        found = unbase64("".join(lines[1:-2]))
    except ValueError:
        return False
    armour = base64.b64encode(found).decode()
    wrapped = [armour[at:at + 70] for at in range(0, len(armour), 70)]
    inner = found[-64:]
    expected = head + string(string(b"ssh-ed25519") + string(inner))
    signed = b"SSHSIG" + string(namespace.encode()) + string(b"") + string(b"sha512") + string(hashlib.sha512(data).digest())
    return lines == [BEGIN, *wrapped, END, ""] and found == expected and verifies(key, signed, inner)


def string(data):
    return len(data).to_bytes(4, "big") + data


def unbase64(text):
    """Canonical base64 alone."""
    data = base64.b64decode(text, validate=True)
    if base64.b64encode(data).decode() != text:
        raise ValueError("not the one spelling of these bytes")
    return data
