"""What the tables of the course were made from: which images of BRISC, which slices and folds of
CT-ICH, which twins of BUSI.

Numbers alone, no images. Who prepares a whole download with these gets the very splits of the tables; `--anew`
takes all images, deals the patients out anew, and searches twins itself.
"""

from __future__ import annotations

import base64

import numpy as np

_BRISC = {  # a bit for each number of a file, the first one highest; 2,200 and 520 are set
    "train": (
        "191JoEtUaFaxgdYBuAlnSXkMkUiBidLSduipwXvQyrTa2wwFpPhQ4gO9cKtcQLbQ1zwn45vCW4JFn8F8T1LIFoJH72oXvIIuKsEmSiWSnZmkyz"
        "DZRHjYXTaeeNsl3rsy/4eKaxjfISoOhCa2i5BXjfHk+4ZU6GWJKO9RWbSHcScvu3kqC/wvICvUOHkK2BYFkOSKASFQjTKACqqpIAAEAQAACKkO"
        "DcRiqqaUTxAJTLdh81rjy0MlEfdf7jBEudSlnkSczapXklNajWCTgq4AAIDFRAy/qK3IKjS7VuZ68BLIKskKqcxAcXmAhQAFkCTu1T2BIMpNlc"
        "amkgAAJO9+DlQdOnksUu3x7lCkAJW5T3YuNxBKaQbTGoRQt0MMCM27Q5tUdY5BQYNxDcIK0S8kYFUVS8tgVer//7nUNhoV8USleugTI/9poo9O"
        "ljLY734yE58gy2FK7dtO/Afa7EP5rMB66FjzYOeVrjd3MX4aPOY8q79SOBJqvbPNSmx8uO6XIj322yA1oBnKJGzHgGXzYEcR5SFVjhVFu5jHew"
        "7BxLl2NXVbVn0jC9kJlAmUXoRgsl7/CEBa+y2Z9wB5vygicml9EaqmMiKfpMwNNwEUBmlAYzjgsCZTIQTQBORI+IIKSE6LOZOxBiMUHxEKYQiU"
        "rMBBlkICUQAYaoJKBnVCyDpAjQgyH6AXWFDYIQQHgw+O8PyygJKB8RycQslJJPIFGEVTEJjhfhEECtmNEA6ByENPTF9/hcosQKWUAwc4AoAELi"
        "SgNIiEwMJGUOnCEUmO5BDKpJQHNoKQk0CXZsPXAYvoHYJAqyB0pU0gphFNCwTwSA=="
    ),
    "test": (
        "aFvCcXzbMLGYmryvHZ0Bx3MQB0d+X5W12jmCZrecijSjTsZg84BRISULk9Kt0MlVIGBMUlaiNBAuQOsINW7Fd+eoLZhE4//u3//9////////se"
        "9/////8b0av7VIDFKEWEGIooEqDEhbPjTjJTbbwjI3+yMCgH2pyCYM5Uw="
    ),
}
_FIRST, _FOLDS = 49, (  # the fold of each patient of CT-ICH, from number 49 on
    "4311331223420143420414002320034112023122431432040133323143010431123441201012000424"
)
_HIGHEST = (  # the last slice of each patient, and which before it are absent
    "33 26 32 30 33 28 32 33 35 34 27 29 31 23 36 26 30 29 28 26 34 34 29 30 33 33 33 29 31 31 26 29 29 29 32 36 19 2"
    "9 32 31 35 28 33 31 32 34 29 33 31 29 29 30 31 31 35 29 30 29 30 29 28 28 33 26 28 29 32 31 29 30 31 30 30 28 39"
    " 30 40 30 32 28 30 31"
)
_ABSENT = (
    "49:1 50:22 52:1 52:17 58:14 63:4 67:19 68:6 69:17 71:7 71:11 74:7 74:14 75:19 76:16 77:5 80:10 82:5 82:10 83:24 "
    "87:2 90:9 94:28 97:5 97:24 101:4 104:2 106:2 109:4 115:24"
)
_TWINS = (  # position among BUSI's 780 names in their order, and the group where that is not the position itself
    "22:19 26:19 63:7 64:44 65:13 67:58 89:59 100:57 164:152 165:110 166:117 167:60 168:142 172:125 173:157 174:120 175:138 1"
    "76:155 177:144 180:150 181:118 182:141 184:130 185:158 186:137 187:131 190:129 192:133 193:116 194:113 195:122 196:148 1"
    "97:157 198:141 199:158 201:144 202:179 203:117 206:205 208:148 209:159 210:116 212:113 213:121 214:140 215:140 216:151 2"
    "17:147 218:132 219:122 220:124 221:149 223:32 224:154 225:115 226:114 227:119 228:139 229:162 230:143 243:0 244:111 246:"
    "222 253:1 255:23 256:35 257:34 259:56 278:86 300:31 311:37 333:247 347:328 348:335 349:329 351:339 355:231 356:36 358:23"
    "7 359:233 360:235 361:232 362:78 363:241 376:33 382:248 383:41 384:38 385:39 391:40 393:249 394:43 399:44 404:250 415:25"
    "1 417:108 421:72 422:71 433:62 436:44 452:438 459:458 460:450 471:448 482:464 488:371 493:451 526:456 584:580 592:581 59"
    "4:36 595:72 603:614 622:260 625:614 634:515 636:614 639:575 640:332 644:643 647:188 656:653 691:683 695:676 697:679 698:"
    "673 699:682 700:675 701:677 702:674 704:669 705:672 706:678 707:671 708:375 709:680 718:712 719:716 720:717 721:715 722:"
    "716 723:713 724:717 725:681 726:712 728:727 729:712 730:727 732:713 733:731 735:715 737:734 738:716 739:717 740:694 741:"
    "694 744:731 745:731 746:734 760:696 778:777"
)


def brisc(side: str) -> set[int]:
    """Return the numbers of the chosen images on a side, "train" or "test": near-twins are left out, classes are equal.

    >>> len(brisc("train")), len(brisc("test")), min(brisc("train"))
    (2200, 520, 1)
    """
    bits = np.unpackbits(np.frombuffer(base64.b64decode(_BRISC[side]), dtype=np.uint8))
    return set((bits.nonzero()[0] + 1).tolist())


def ct_ich_folds() -> dict[int, int]:
    """Return the fold 0 ... 4 of each of the 82 patients.

    >>> len(ct_ich_folds()), ct_ich_folds()[49]
    (82, 4)
    """
    return {_FIRST + place: int(fold) for place, fold in enumerate(_FOLDS)}


def ct_ich_slices() -> set[tuple[int, int]]:
    """Return patient and slice of what the tables were made from, as versions 1.0 to 1.2 number them.

    >>> len(ct_ich_slices()), (49, 1) in ct_ich_slices(), (49, 2) in ct_ich_slices()
    (2471, False, True)
    """
    absent = {tuple(int(part) for part in pair.split(":")) for pair in _ABSENT.split()}
    last = {_FIRST + place: int(number) for place, number in enumerate(_HIGHEST.split())}
    return {(patient, cut) for patient, end in last.items() for cut in range(1, end + 1)} - absent


def busi_groups() -> np.ndarray:
    """Return (780,) int16: near-twins share a number; images in the order of their names, "benign (1)", "benign (10)" ...

    >>> len(busi_groups()), len(set(busi_groups().tolist()))
    (780, 619)
    """
    groups = np.arange(780, dtype=np.int16)
    for pair in _TWINS.split():
        place, group = pair.split(":")
        groups[int(place)] = int(group)
    return groups
