"""Sets of images, whatever their source, in one container that knows its data tier.

| module | tier | what |
|---|---|---|
| `phantom` (`anatomy`, `scanner`) | phantom | made here in three modalities, truth known exactly |
| `worlds` | phantom | two worlds in which one cue decides, and it is known which |
| `public` (`archive`, `limit`) | real | brain MRI, head CT, breast ultrasound from MEDKIT_DATA |
| `ct_masks` | real | lung tumours and bleeds on CT, with masks, from MEDKIT_DATA |
| `benchmark` | real | breast ultrasound, the three splits of a published benchmark |
| `own` (`listing`, `folder`, `decathlon`, `medmnist`) | real | the reader's own files, in any of these layouts |
| `words`, `places`, `pairs`, `perhaps` | | what names of folders and files say; sides, classes, patients; images and masks; what may be a mask |
| `read`, `mask`, `stack` | | one door for image files; masks; from files to one set, slice by slice |
| `samples` | library sample | single images from inside installed packages |
| `container`, `resize`, `where` | | the set and its split by patient; one size; MEDKIT_DATA |
| `leaks`, `twins`, `likeness` | | what training and test images must not share; one picture twice in a set; how alike two are |

`from medkit.data.phantom import phantom`: that function has its module's name and is not repeated here.
"""

from __future__ import annotations

from medkit.data.container import ImageSet, Split, split_by_group
from medkit.data.phantom import phantom_split
from medkit.data.own import own_images, own_split
from medkit.data.public import brain_mri, breast_ultrasound, head_ct
from medkit.data.where import data_root

__all__ = [
    "ImageSet",
    "Split",
    "brain_mri",
    "breast_ultrasound",
    "data_root",
    "head_ct",
    "own_images",
    "own_split",
    "phantom_split",
    "split_by_group",
]
