"""Files that are wrong, each in one way, with what is wrong in its name."""

from __future__ import annotations

import struct
import zipfile
import zlib

import numpy as np

from hostile.plain import (
    BIG, BITS8, DEFLATED, JPEG, MPEG2, RLE, STORED, UNDEFINED, VOXELS, archive, chunk, deflate, dicom, dicoms, element, elements,
    everything, in_frames, medmnist_arrays, meta, nested, nifti, npy, npz, picture, pictures, png, rle, zipped,
)  # fmt: skip

CUTS = (1, 10, 30, 60, 80, 90)  # per cent of a sound file that are left
GREY = np.arange(16, dtype=np.uint8).reshape(4, 4)
NAN = float("nan")


def malformed() -> dict[str, bytes]:
    """Return all of them, file name -> content."""
    return wrong_dicoms() | wrong_niftis() | wrong_pictures() | wrong_arrays() | wrong_kinds() | cut_short()


def wrong_dicoms() -> dict[str, bytes]:
    """Return DICOM files with wrong headers, wrong pixels or none."""
    values = {
        "rows-0": {"rows": 0}, "rows-none": {"rows": None}, "rows-5-of-4": {"rows": 5}, "rows-and-columns-65535": {"rows": 65535, "columns": 65535},
        "columns-0": {"columns": 0}, "columns-10000-of-4": {"columns": 10000}, "samples-0": {"samples": 0}, "samples-2": {"samples": 2},
        "samples-3-of-1": {"samples": 3, "photometric": b"RGB "}, "bits-12": {"allocated": 12}, "bits-0": {"allocated": 0}, "bits-none": {"allocated": None},
        "bits-stored-0": {"stored": 0}, "bits-stored-17-of-16": {"stored": 17}, "signed-7": {"signed": 7}, "photometric-none": {"photometric": None},
        "photometric-odd": {"photometric": b"PURPLE"}, "palette-without-one": {"photometric": b"PALETTE COLOR "}, "frames-0": {"frames": b"0 "},
        "frames-below-0": {"frames": b"-3"}, "frames-a-word": {"frames": b"many"}, "frames-2-of-1": {"frames": b"2 "},
        "frames-a-billion": {"frames": b"1000000000"}, "slope-0": {"slope": b"0 "}, "slope-empty": {"slope": b""}, "slope-a-word": {"slope": b"steep "},
        "slope-too-large": {"slope": b"1e999 "}, "slope-beyond-float32": {"slope": b"1e39"}, "intercept-nan": {"intercept": b"nan "},
        "width-0": {"width": b"0 "}, "width-below-0": {"width": b"-5"}, "width-a-word": {"width": b"wide"}, "pixels-none": {"pixels": None},
        "pixels-empty": {"pixels": b""}, "pixels-too-few": {"pixels": STORED[:-2]}, "signed-and-turned-63-bits": {"stored": 63, "photometric": b"MONOCHROME1 "},
        "floats-nan": {"pixels": None, "floats": np.full(16, NAN, "<f4").tobytes(), "allocated": 32, "stored": None, "high": None, "signed": None},
    }  # fmt: skip
    found = {f"{name}.dcm": dicom(**changes) for name, changes in values.items()}
    head = meta() + elements(pixels=None)
    found |= {
        "only-the-preamble.dcm": bytes(128) + b"DICM", "only-the-meta.dcm": meta(), "syntax-unknown.dcm": meta("1.2.3.4") + elements(),
        "syntax-mpeg.dcm": in_frames(b"\0\0\1\xb3", syntax=MPEG2, **BITS8), "syntax-empty.dcm": meta("") + elements(pixels=None),
        "says-big-endian.dcm": meta(BIG) + elements(), "length-lies.dcm": head + element(0x7FE00010, b"OW", STORED, 0xFFFFFFF0),
        "length-never-ends.dcm": head + element(0x7FE00010, b"OW", STORED, UNDEFINED),
        "report.dcm": meta() + elements(**{name: None for name in ("rows", "columns", "samples", "allocated", "pixels")}),
        "deflated-nonsense.dcm": meta(DEFLATED) + b"\xff" * 200, "deflated-and-cut.dcm": dicom(DEFLATED)[:-40],
        "deflated-rows-5-of-4.dcm": dicom(DEFLATED, rows=5), "deflated-report.dcm": dicom(DEFLATED, pixels=None),
        "deflated-longer-than-it-says.dcm": meta(DEFLATED) + deflate(elements(pixels=None) + element(0x7FE00010, b"OW", bytes(2**23))),
        "jpeg-nonsense.dcm": in_frames(b"no picture", syntax=JPEG, **BITS8), "jpeg-none.dcm": in_frames(syntax=JPEG, **BITS8),
        "jpeg-of-another-size.dcm": in_frames(picture(np.zeros((64, 64), np.uint8), "JPEG"), syntax=JPEG, **BITS8),
        "jpeg-cut.dcm": in_frames(picture(GREY, "JPEG")[:-60], syntax=JPEG, **BITS8),
        "jpeg-one-of-two.dcm": in_frames(picture(GREY, "JPEG"), syntax=JPEG, frames=b"2 ", **BITS8),
        "jpeg-three-of-two.dcm": in_frames(*[picture(GREY, "JPEG")] * 3, syntax=JPEG, frames=b"2 ", **BITS8),
        "rle-five-segments.dcm": in_frames(rle(bytes(20), 5), syntax=RLE, **BITS8), "rle-segment-outside.dcm": in_frames(struct.pack("<16I", 1, 9000, *[0] * 14), syntax=RLE, **BITS8),
        "rle-cut.dcm": in_frames(rle(b"\x0f\1\2"), syntax=RLE, **BITS8), "rle-longer-than-it-says.dcm": in_frames(rle(b"\x81\0" * 2**14), syntax=RLE, **BITS8),
        "nested-900.dcm": head + nested(900) + element(0x7FE00010, b"OW", STORED), "sequence-never-ends.dcm": head + nested(5)[:100],
        "many-empty-parts.dcm": head + _many_parts(200_000), "kind-of-value-odd.dcm": meta() + element(0x00080060, b"\1\2", b"CT") + elements(),
        "palette-too-short.dcm": dicoms()["palette.dcm"].replace(bytes(range(256)), bytes(range(100))),
        "says-3-letters.dcm": head.replace(b"US\2\0", b"UX\2\0") + element(0x7FE00010, b"OW", STORED),
    }  # fmt: skip
    return found


def _many_parts(count: int) -> bytes:
    begin = struct.pack("<HH2sHI", 0x0040, 0x0275, b"SQ", 0, UNDEFINED)
    return begin + struct.pack("<HHI", 0xFFFE, 0xE000, 0) * count


def wrong_niftis() -> dict[str, bytes]:
    """Return NIfTI files with wrong headers or pixels."""
    def dims(*n: int) -> dict:
        return {"dims": (*n, *[1] * (8 - len(n)))}

    values = {
        "size-347": {"size": 347}, "size-below-0": {"size": -348}, "magic": {"magic": b"n+9\0"}, "magic-two-files": {"magic": b"ni1\0"},
        "magic-version-2": {"magic": b"n+2\0"}, "axes-0": dims(0, 3, 4, 5), "axes-8": dims(8, 3, 4, 5), "axes-below-0": dims(-3, 3, 4, 5),
        "axes-1": dims(1, 60), "axes-5": dims(5, 3, 4, 5, 1, 2), "side-0": dims(3, 3, 0, 5), "side-below-0": dims(3, 3, -4, 5),
        "sides-huge": dims(3, 32767, 32767, 32767), "sides-100-of-4": dims(3, 100, 100, 100), "sides-500-of-4": dims(3, 500, 500, 500),
        "four-volumes": dims(4, 3, 5, 1, 4), "kind-none": {"kind": 0}, "kind-unknown": {"kind": 999}, "kind-complex": {"kind": 32, "bits": 64},
        "kind-colour": {"kind": 128, "bits": 24}, "kind-a-bit": {"kind": 1, "bits": 1}, "offset-below-0": {"offset": -400.0},
        "offset-nan": {"offset": NAN}, "offset-infinite": {"offset": float("inf")}, "offset-a-billion": {"offset": 1e9}, "offset-odd": {"offset": 470.0},
        "slope-nan": {"slope": float("inf")}, "intercept-infinite": {"intercept": float("-inf")}, "slope-too-large": {"slope": 3e38},
        "place-nan": {"affine": (NAN,) * 12}, "place-infinite": {"affine": (float("inf"),) * 12}, "place-flat": {"affine": (0.0,) * 12},
    }  # fmt: skip
    found = {f"nifti-{name}.nii": nifti(**changes) for name, changes in values.items()}
    floats = VOXELS.astype("<f4")
    floats[7] = NAN
    long = {"more": b"\1\0\0\0", "offset": 384.0}
    broken = bytearray(zipped(nifti()))
    broken[-8] ^= 1  # the sum
    return found | {
        "pixels-nan.nii": nifti(floats.tobytes(), kind=16, bits=32), "pixels-infinite.nii": nifti(np.full(60, np.inf, "<f4").tobytes(), kind=16, bits=32),
        "extension-too-long.nii": nifti(extra=struct.pack("<ii", 2**31 - 16, 6) + bytes(24), **long),
        "extension-below-0.nii": nifti(extra=struct.pack("<ii", -32, 6) + bytes(24), **long), "extension-empty.nii": nifti(extra=bytes(32), **long),
        "header-alone.nii": nifti(b""), "not-packed.nii.gz": nifti(), "packed.nii": zipped(nifti()), "nonsense.nii.gz": b"\x1f\x8b" + b"\xff" * 99,
        "sum-wrong.nii.gz": bytes(broken), "text.nii": b"hello " * 99, "sides-500-of-4.nii.gz": zipped(nifti(**dims(3, 500, 500, 500))),
        "junk-behind.nii.gz": zipped(nifti()) + b"junk",
    }  # fmt: skip


def wrong_pictures() -> dict[str, bytes]:
    """Return PNG, JPEG, TIFF and BMP files with wrong headers or pixels."""
    real = pictures()
    frame = chunk(b"acTL", struct.pack(">II", 2, 0)) + chunk(b"fcTL", struct.pack(">IIIIIHHBB", 0, 4, 4, 0, 0, 1, 1, 0, 0))
    other = chunk(b"fcTL", struct.pack(">IIIIIHHBB", 1, 4, 4, 0, 0, 1, 1, 0, 0)) + chunk(b"fdAT", struct.pack(">I", 2) + zlib.compress((b"\0" + bytes(4)) * 4))
    jpeg, bmp = real["grey.jpg"], real["colour.bmp"]
    start = jpeg.index(b"\xff\xc0") + 5
    return {
        "width-0.png": png(width=0), "height-0.png": png(height=0), "width-huge.png": png(width=2**31 - 1), "width-beyond-31-bits.png": png(width=2**32 - 1),
        "sides-9000-of-4.png": png(width=9000, height=9000), "sides-40000.png": png(width=40000, height=40000), "bits-3.png": png(bits=3),
        "colour-5.png": png(colour=5), "palette-none.png": png(colour=3, bits=16), "sum-wrong.png": png(wrong=1),
        "data-nonsense.png": png(packed=b"nonsense"), "data-none.png": png(packed=b""), "data-too-short.png": png(lines=b"\0" * 7),
        "chunk-too-long.png": png(before=chunk(b"tEXt", b"a\0b", length=2**31 - 1)), "chunk-name-odd.png": png(before=chunk(b"\0\1\2\3", b"a")),
        "two-pictures.png": png(before=frame, end=other + chunk(b"IEND", b"")), "text-too-long.png": png(before=chunk(b"zTXt", b"a\0\0" + zlib.compress(bytes(2**26)))),
        "signature-alone.png": b"\x89PNG\r\n\x1a\n", "a-page.png": b"<!doctype html><p>Not found", "gif.png": picture(GREY, "GIF"), "webp.png": picture(GREY, "WEBP"),
        "svg.png": b"<svg xmlns='http://www.w3.org/2000/svg'/>", "height-0.jpg": jpeg[:start] + b"\0\0" + jpeg[start + 2 :],
        "sides-65500.jpg": jpeg[:start] + b"\xff\xdc\xff\xdc" + jpeg[start + 4 :], "three-bytes.jpg": b"\xff\xd8\xff", "no-frame.jpg": jpeg.replace(b"\xff\xc0", b"\xff\xfe"),
        "components-9.jpg": jpeg[: start + 4] + b"\x09" + jpeg[start + 5 :], "tables-none.jpg": jpeg.replace(b"\xff\xdb", b"\xff\xfe"),
        "pages.tif": _tiff(2), "ten-thousand-pages.tif": _tiff(10_000), "page-in-a-circle.tif": b"II*\0" + struct.pack("<I", 8) + struct.pack("<HI", 0, 8),
        "nan.tif": picture(np.full((4, 4), NAN, np.float32), "TIFF"), "no-page.tif": b"II*\0" + struct.pack("<I", 0), "page-outside.tif": b"II*\0" + struct.pack("<I", 2**31),
        "width-0.tif": _tiff(1, width=0), "sides-60000.tif": _tiff(1, width=60000, height=60000), "pixels-outside.tif": _tiff(1, at=10**6), "bits-7.tif": _tiff(1, bits=7),
        "kind-of-packing-odd.tif": _tiff(1, packed=999), "entries-65535.tif": b"MM\0*" + struct.pack(">IH", 8, 65535),
        "width-below-0.bmp": bmp[:18] + struct.pack("<i", -8) + bmp[22:], "sides-huge.bmp": bmp[:18] + struct.pack("<ii", 2**30, 2**30) + bmp[26:],
        "bits-5.bmp": bmp[:28] + b"\5\0" + bmp[30:], "packing-99.bmp": bmp[:30] + b"\x63\0\0\0" + bmp[34:], "two-bytes.bmp": b"BM", "pixels-outside.bmp": bmp[:10] + struct.pack("<I", 10**6) + bmp[14:],
    }  # fmt: skip


def _tiff(pages: int, width: int = 4, height: int = 4, at: int = 8, bits: int = 8, packed: int = 1) -> bytes:
    """Return a TIFF file of 4 × 4 grey pixels, `pages` times."""
    body, begin = b"", 8 + 16
    for page in range(pages):
        tags = {256: width, 257: height, 258: bits, 259: packed, 262: 1, 273: at, 277: 1, 278: height, 279: 16}
        size = 2 + 12 * len(tags) + 4
        following = begin + size * (page + 1) if page < pages - 1 else 0
        body += struct.pack("<H", len(tags)) + b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in tags.items()) + struct.pack("<I", following)
    return b"II*\0" + struct.pack("<I", begin) + GREY.tobytes() + body


def wrong_arrays() -> dict[str, bytes]:
    """Return .npz files with wrong members, headers, shapes or labels."""
    images = medmnist_arrays()["train_images"]
    changes = {
        "images-none": {"train_images": None}, "labels-none": {"test_labels": None}, "images-nan": {"train_images": np.full((2, 4, 4), NAN)},
        "images-int64": {"val_images": images.astype(np.int64)}, "images-volumes": {"train_images": np.zeros((2, 4, 4, 4), np.uint8)},
        "images-not-square": {"train_images": np.zeros((2, 4, 5), np.uint8)}, "images-no-pixels": {"train_images": np.zeros((2, 0, 0), np.uint8)},
        "images-none-at-all": {"train_images": np.zeros((0, 4, 4), np.uint8)}, "labels-three": {"train_labels": np.zeros((3, 1), np.uint8)},
        "labels-below-0": {"train_labels": np.array([[0], [-1]])}, "labels-huge": {"train_labels": np.array([[0], [2**40]])},
        "labels-float": {"train_labels": np.array([[0.0], [1.0]])}, "labels-text": {"train_labels": np.array([["a"], ["b"]])},
        "labels-several": {"train_labels": np.zeros((2, 14), np.uint8)}, "an-object": {"more": np.array([{}], dtype=object)},
        "times": {"train_images": np.zeros((2, 4, 4), "datetime64[s]")},
    }  # fmt: skip
    good = "{'descr': '|u1', 'fortran_order': False, 'shape': (2, 4, 4), }"
    heads = {
        "shape-lies": npy(good, bytes(31)), "shape-below-0": npy(good.replace("(2, 4, 4)", "(-2, -4, 4)"), bytes(32)),
        "shape-huge": npy(good.replace("2, 4, 4", "10**9, 10**9, 4"), bytes(32)), "shape-beyond": npy(good.replace("2, 4, 4", f"{2**63}, 0"), b""),
        "shape-text": npy(good.replace("(2, 4, 4)", "'many'")), "version-9": npy(good, bytes(32), 9), "header-code": npy("__import__('os').getcwd()"),
        "header-nested": npy("(" * 9000), "header-huge": npy(good + " " * 60_000, bytes(32)), "header-endless": npy(good, bytes(32), 2)[:8] + b"\xff" * 4,
        "kind-of-no-size": npy(good.replace("|u1", "|V0").replace("2, 4, 4", "4, 4")), "kind-unknown": npy(good.replace("|u1", "<q9"), bytes(32)),
        "no-array": b"hello", "empty": b"",
    }  # fmt: skip
    sound = npz(medmnist_arrays())
    locked = bytearray(archive({"a.npy": npy(good, bytes(32))}))
    locked[6] |= 1
    locked[locked.index(b"PK\1\2") + 8] |= 1  # says that it is encrypted
    found = {f"{name}.npz": npz(medmnist_arrays(**change)) for name, change in changes.items()}
    found |= {f"array-{name}.npz": archive({"train_images.npy": content}) for name, content in heads.items()}
    middle = len(sound) // 8
    return found | {
        "no-archive.npz": b"hello", "no-member.npz": archive({}), "bzip2.npz": archive({"a.npy": npy(good, bytes(32))}, zipfile.ZIP_BZIP2),
        "lzma.npz": archive({"a.npy": npy(good, bytes(32))}, zipfile.ZIP_LZMA), "locked.npz": bytes(locked), "many-members.npz": archive({f"{k}.npy": b"" for k in range(200)}),
        "damaged.npz": sound[:middle] + bytes([sound[middle] ^ 0xFF]) + sound[middle + 1 :], "one-name-twice.npz": archive({"aa.npy": b"", "ab.npy": b""}).replace(b"ab.npy", b"aa.npy"),
    }  # fmt: skip


def wrong_kinds() -> dict[str, bytes]:
    """Return files that are no images at all, whatever their names say."""
    tensors = b'{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}'
    return {
        "weights.pt": archive({"archive/data.pkl": b"\x80\x02}q\0.", "archive/version": b"3\n"}), "old-weights.pt": b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19.",
        "weights.safetensors": struct.pack("<Q", len(tensors)) + tensors + bytes(4), "array.npy": npy("{'descr': '|u1', 'fortran_order': False, 'shape': (1,), }", b"1"),
        "archive.zip": archive({"a.png": png()}), "table.csv": b"a,b\n1,2\n", "script.py": b"print('hello')\n", "page.dcm": b"<html>Not found</html>", "zip.dcm": archive({"a": b"b"}),
        "empty.png": b"", "empty.dcm": b"", "empty.nii": b"", "empty.nii.gz": b"", "empty.npz": b"", "zeros.png": bytes(4096), "zeros.dcm": bytes(4096),
        "ones.jpg": b"\xff" * 4096, "group-2-alone.dcm": b"\2\0" + bytes(4), "group-8-alone.dcm": b"\x08\0" + b"\xff" * 400,
    }  # fmt: skip


def cut_short() -> dict[str, bytes]:
    """Return sound files of which the end is missing, at several places each."""
    chosen = ("ct.dcm", "deflated.dcm", "jpeg.dcm", "a.nii", "a.nii.gz", "grey.png", "colour.jpg", "colour.tif", "colour.bmp", "a.npz")
    sound = everything()
    return {f"cut-at-{cut}-{name}": sound[name][: len(sound[name]) * cut // 100] for name in chosen for cut in CUTS}
