"""Kinds of data sets: listing them, where to request them, and comparing a copy with the published set."""

from __future__ import annotations

import hashlib
import inspect
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from data.datasets.aqa7 import AQA7
from data.datasets.diving_frames import FINEDIVING, LOGO, MTL_AQA
from data.datasets.diving_scores import award_doubts
from data.datasets.folder import list_folder, list_skeletons
from data.datasets.jigsaws import TASKS, length_doubts, list_jigsaws
from data.datasets.kimore import clock_doubts, list_kimore
from data.datasets.score_lists import FOLDERS, LAYOUTS
from data.datasets.tables import clip, read_bytes, read_text
from data.datasets.tasd2 import list_tasd2
from data.datasets.ui_prmd import list_ui_prmd
from data.errors import DataError, UsageError, nearest, printable
from data.outside import imported, is_outside
from data.store import Storage, is_remote, local_path, refuse_ambiguous, refuse_unknown
from data.video import Listing, Record, find_videos

ANY = ("",)
"""As `feature_names`, lists performances without files too."""

SYNTHETIC = "synthetic.txt"
"""The command that made a synthetic data set, in a file of the set's folder."""

FINE_GRAINED = (
    "b22aef17cc085f49c417aa5b81fb6db6a2698b711959c5a5bbbd1d29c4e8e904",
    "228b33f93f751685dca6ec010ec6416245f6f1166c852363980571d9a6eb0cbd",
    "919b1ff8",
    "643e1bde",
)
"""Prefixes of the SHA-256 of FineDiving's annotation: two of its publisher, and those of T2CR and HP-MCoRe."""


@dataclass(frozen=True)
class DataSetKind:
    """One kind of data set. To add one, write a function (root, **options) -> Listing and an entry of `KINDS`."""

    lister: Callable[..., Listing]
    access: str = "its author"  # where to get the set
    counts: Mapping[str, int] = field(default_factory=dict)  # performances: "all", "train", "test" and by task
    marks: tuple[str, ...] = ()  # glob patterns below the root; one match shows that a folder is this set
    hashes: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Beginnings of the SHA-256 of every usable version of a file, by its path below one of `folders`."""
    folders: tuple[str, ...] = ("",)
    one_of: tuple[str, ...] = ()  # alternative names of the annotation file; a copy has one of them
    may_lack_tasks: bool = False  # whether a copy may lack all performances of a task
    doubts: Callable[[Sequence[Record]], list[str]] = lambda _: []  # further doubts, from files that no listing opens


KINDS: Mapping[str, DataSetKind] = {
    "jigsaws": DataSetKind(
        list_jigsaws,
        "request it from the Johns Hopkins University, cirl.lcsr.jhu.edu (form; non-commercial use)",
        {"all": 103, "Suturing": 39, "Needle_Passing": 28, "Knot_Tying": 36},
        tuple(f"{t}/{name}" for t in TASKS for name in ("video", "kinematics/AllGestures", f"meta_file_{t}.txt")),
        doubts=length_doubts,
    ),
    "aqa7": DataSetKind(
        AQA7.list,
        "download AQA-7 from rtis.oit.unlv.edu/datasets.html",
        {"all": 1106, "train": 803, "test": 303, "diving": 370, "gym_vault": 176, "ski_big_air": 175}
        | {"snowboard_big_air": 206, "sync_diving_3m": 88, "sync_diving_10m": 91},
        tuple(f"{f}{n}_train_list.mat" for f in ("Split_4/", "") for n in ("split_4", "consolidated")),
    ),
    "tasd2": DataSetKind(
        list_tasd2,
        "we know of no public download; ask the authors of the paper (Gao et al., ECCV 2020)",
        {"all": 606, "SyncDiving-3m": 238, "SyncDiving-10m": 368},
        ("tasd2.csv", "3m/../labels.csv", "10m/../labels.csv"),  # a table and a folder of one event
    ),
    "rendered": DataSetKind(list_tasd2, "the demo renders them, in the layout of TASD-2: aqa demo"),
    "mtl-aqa": DataSetKind(
        MTL_AQA.list,
        "annotations and Video_List.xlsx: github.com/ParitoshParmar/MTL-AQA; the videos are on YouTube, and"
        " frame_extractor.sh there writes the frames",
        {"all": 1412, "train": 1059, "test": 353},
        MTL_AQA.marks,
        {
            "final_annotations_dict.pkl": ("8fda2f55be4f7e8031923c796d5599c357582df759dbd476de6cc40c2b3c81f3",),
            # as CoRe and MUSDL distribute it, with seven judges a dive
            "final_annotations_dict_with_dive_number.pkl": (
                "2e1e06b33ce3570036cd193912a68ffee0da08cc74cee8397309c5ab302ab8c4",
            ),
            "augmented_final_annotations_dict.pkl": (
                "1400c5a250af764e1ab93ca0f9ef2fcc09cbf23f01130754a9ff3309ff355735",
            ),
            "train_split_0.pkl": ("87d5dd2fe704af5ae1130b8d3ab66d2d4287346363fa37f52cee27dfb6730e52",),
            "test_split_0.pkl": ("c25d6619e0044182ab303b64f4c0386510c2e17d302aad28f08c5e461319904a",),
        },
        MTL_AQA.folders,
        MTL_AQA.annotations,
    ),
    "finediving": DataSetKind(
        FINEDIVING.list,
        "sign the release agreement in github.com/xujinglin/FineDiving and send it to the address there",
        {"all": 3000, "train": 2251, "test": 749},
        FINEDIVING.marks,
        {
            "fine-grained_annotation_aqa.pkl": FINE_GRAINED,
            "FineDiving_fine-grained_annotation.pkl": FINE_GRAINED,
            "FineDiving_coarse_annotation.pkl": ("8dc211a35c2b1ec1dc6f5c9f7e93774b627d812b8ea41d012a85bc1e0e49240e",),
            "train_split.pkl": ("a8a1cdcbdef430429fbbd7539d90939982a0c5588a1a1c79117a07372609a4d8",),
            "test_split.pkl": ("bcb1f407ad190a68f464c5aa70658e72d34b683a89deccf3ecc9119019896594",),
        },
        FINEDIVING.folders,
        FINEDIVING.annotations,
    ),
    "logo": DataSetKind(
        LOGO.list,
        "github.com/shiyi-zh0408/LOGO links to frames, annotations and lists",
        {"all": 200},
        LOGO.marks,
    ),
    "fis-v": DataSetKind(
        LAYOUTS["fis-v"].list,
        "lists and the link to the videos: github.com/chmxu/MS_LSTM",
        {"all": 500, "train": 400, "test": 100},
        (),  # other sets use the same file names, so hashes decide
        {
            "train_dataset.txt": ("b95cbe65f7118556cc3e6b49b6dadd088d5ac6f4bd524dabbd0c963e431ee543",),
            "test_dataset.txt": ("7df4fa1501bb22a5d1c3f56a01131c8af84caea2053995843430fe46d220435b",),
        },
        FOLDERS,
    ),
    "fs1000": DataSetKind(
        LAYOUTS["fs1000"].list,
        "github.com/AndyFrancesco29/Audio-Visual-Figure-Skating: ask for the videos at the address there",
        marks=tuple(f"{f}train_{n}.txt" for f in ("", "data/", "annotations/") for n in ("fs1000_new", "fs800")),
    ),
    "finefs": DataSetKind(
        LAYOUTS["finefs"].list,
        "github.com/yanliji/FineFS-dataset links to the download",
        {"all": 1167, "short": 729, "free": 438},
        ("data/annotation/0.json", "annotation/0.json"),
    ),
    "rhythmic-gymnastics": DataSetKind(
        LAYOUTS["rhythmic-gymnastics"].list,
        "lists and the link to the videos: github.com/qinghuannn/ACTION-NET",
        {"all": 1000, "train": 800, "test": 200, "Ball": 250, "Clubs": 250, "Hoop": 250, "Ribbon": 250},
        ("RG_public", "videos/Ball_*", "video/Ball_*"),
        {
            "train.txt": ("1f54d40d6a3caaaaa86ea085d7f5d53498b86cda3222a8f3dc6887ee5bef17e7",),
            "test.txt": ("f56a103c365a1ab2f5f5d7f19e1cf1ffbf2f220f01b27c46ef39ed9dbb0d0bbb",),
        },
        FOLDERS,
    ),
    "lasana": DataSetKind(
        LAYOUTS["lasana"].list,
        "download it from opara.zih.tu-dresden.de/handle/123456789/1907 (CC BY 4.0)",
        {"all": 1270, "train": 1065, "test": 205, "PegTransfer": 329, "CircleCutting": 311}
        | {"BalloonResection": 316, "SutureAndKnot": 314},
        ("Annotation/PegTransfer_split.csv", "PegTransfer_split.csv"),
    ),
    "unlv": DataSetKind(
        LAYOUTS["unlv"].list,
        "download diving.tar.gz and gymnastic_vault.tar.gz from rtis.oit.unlv.edu/datasets.html",
        {"diving": 370, "vault": 176},
        ("diving/diving_overall_scores.mat", "gymnastic_vault"),
        may_lack_tasks=True,
    ),
    "ui-prmd": DataSetKind(
        list_ui_prmd,
        "download Segmented Movements and Incorrect Segmented Movements from webpages.uidaho.edu/ui-prmd",
        {"all": 2000},
        ("Segmented Movements", "Incorrect Segmented Movements"),
    ),
    "kimore": DataSetKind(
        list_kimore,
        "vrai.dii.univpm.it/content/kimore-dataset names the download",
        marks=("CG/*/*/Es1", "GPP/*/*/Es1"),
        doubts=clock_doubts,
    ),
    "folder": DataSetKind(list_folder, "your own videos"),
    "skeletons": DataSetKind(list_skeletons, "your own keypoint files"),
}
"""By name. Counts and hashes come from the publishers' files or papers, which the sections of docs/datasets.md name."""


def data_set_kind(name: str) -> DataSetKind:
    """The kind of data set: an entry of `KINDS`, or a function or `DataSetKind` that `module:name` names.

    Raises UsageError for an unknown kind, or an import that fails.
    """
    if not is_outside(name):
        if name not in KINDS:
            raise UsageError(f"unknown kind of data set '{clip(name)}'", fix=nearest(name, KINDS))
        return KINDS[name]
    kind = imported(name)
    if isinstance(kind, DataSetKind):
        return kind
    if not callable(kind):
        raise UsageError(f"'{clip(name)}' does not list a data set", fix="Name a function (root) -> Listing")
    return DataSetKind(kind)


def list_records(
    kind: str,
    root: Path,
    storage: Storage | None = None,
    *,
    unscored: bool = False,
    frame_rate: float = 0.0,
    feature_names: Sequence[str] = (),
    **options: Any,
) -> Listing:
    """The records of a data set, with one line for each problem.

    Args:
        kind: a key of `KINDS`, or `module:name`.
        root: the data set's folder; for kind "folder" also an address on a store.
        storage: how stores are reached.
        unscored: also list performances without a score, if the kind supports it.
        frame_rate: frames per second of folders of frames, unless the kind states it; 0: unknown.
        feature_names: names of features (`data.features`), so that performances without a video are listed too.
        options: those of the kind, such as labels="scores.csv" for a folder, or score="execution" for one score of
            several.

    Raises:
        UsageError: unknown kind or option, no such folder, or nothing of that kind in it.
        DataError: a damaged or contradicting label file.
    """
    accepted = options_of(kind)
    for name in options:
        if name not in accepted:
            raise UsageError(f"data set kind '{kind}' has no option '{clip(name)}'", fix=nearest(name, accepted))
    options |= {"unscored": True} if unscored and "unscored" in accepted else {}
    options |= {"frame_rate": frame_rate} if frame_rate and "frame_rate" in accepted else {}
    options |= {"feature_names": feature_names} if feature_names and "feature_names" in accepted else {}
    refuse_ambiguous(root)
    root = local_path(root)
    if is_remote(root):
        if kind != "folder":
            raise UsageError("only data sets of kind 'folder' are read from a store", where=root, fix="Copy it here")
        return list_folder(root, storage=storage, **options)
    refuse_unknown(root)
    if not root.is_dir():
        raise UsageError("no such folder", where=root, fix="Check dataset.root; names are case sensitive")
    return data_set_kind(kind).lister(root, **options)


def made_by(kind: str, root: Path | None) -> str:
    """The command that made a synthetic data set; empty for recordings."""
    file = root and root / SYNTHETIC
    return "aqa demo" if kind == "rendered" else read_text(file).strip() if file and file.exists() else ""


def options_of(kind: str) -> list[str]:
    """The options of `list_records` that a kind of data set accepts."""
    return [
        name for name in inspect.signature(data_set_kind(kind).lister).parameters if name not in ("root", "storage")
    ]


@dataclass(frozen=True)
class DataCheck:
    """How a copy compares with the published set."""

    kind: str
    root: str
    access: str  # where to get the set
    counts: tuple[tuple[str, int, int, int | None], ...]
    """Name, and numbers of performances: listed, with their files here, and published (None: not known)."""
    files: tuple[tuple[str, str], ...]  # files with a known hash, each "agrees", "differs" or "missing"
    problems: tuple[str, ...]  # lines about performances missing from the copy, or why it cannot be read
    doubts: tuple[str, ...] = ()  # lines about contradictory labels, which published copies have too

    @property
    def ok(self) -> bool:
        """True if nothing is missing and all known facts agree."""
        agree = all(published in (None, here) for *_, here, published in self.counts)
        return agree and not self.problems and all(state != "differs" for _, state in self.files)


def kind_of(folder: Path) -> tuple[str, Path]:
    """(kind, folder) of the data set in `folder` or one of its subfolders, by its layout.

    Raises UsageError: none or several.
    """
    sets = [(kind, folder) for kind in _shown(folder)]
    sets = sets or [(kind, path) for path in sorted(folder.glob("[!.]*")) for kind in _shown(path)]
    if len(sets) == 1:
        return sets[0]
    names = [kind if path == folder else f"{kind} in {clip(path.name)}" for kind, path in sets]
    what = f"could be {' or '.join(names)}" if names else "shows no known layout"
    fix = "Name the folder of the whole set, or its preset, such as --config fis-v; your own videos are --config folder"
    raise UsageError(f"this folder {what}", where=folder, fix=fix)


def data_set_in(kind: str, folder: Path) -> tuple[Path, tuple[str, ...]] | None:
    """(root, tasks) if a folder has the layout of a kind of data set or is its folder of one task; else None.

    For kinds without a known layout: the folder itself if it has no videos.
    """
    entry, above = data_set_kind(kind), folder.resolve().parent
    marks = entry.marks or [f"{inner}/{name}".lstrip("/") for inner in entry.folders for name in entry.hashes]
    if _any_of(marks, folder) or not (marks or _has_videos(folder)):
        return folder, ()
    task = folder.resolve().name
    of_task = task in entry.counts and _any_of(marks, above)
    return (above, (task,)) if of_task else None


def _any_of(marks: Sequence[str], folder: Path) -> bool:
    """Whether any of these patterns matches in a folder."""
    return any(next(folder.glob(mark), None) for mark in marks)


def _has_videos(folder: Path) -> bool:
    try:
        return bool(find_videos([folder]).records)
    except UsageError:
        return False


def _shown(root: Path) -> list[str]:
    """The kinds whose layout a folder has; several are narrowed to those with a published file in it, if any."""
    kinds = [kind for kind, entry in KINDS.items() if _any_of(entry.marks, root)]
    if len(kinds) == 1:
        return kinds
    as_published = [k for k, e in KINDS.items() if any(_state(root, e, name) == "agrees" for name in e.hashes)]
    return as_published or kinds


def check_data(
    kind: str, root: Path, options: Mapping[str, Any], joined: Callable[[Listing], Listing] = lambda listing: listing
) -> DataCheck:
    """Compare a copy with the published set, reading every label file without decoding videos.

    Args:
        options: as in `list_records`.
        joined: adds inputs from outside the set to the performances, such as features.
    """
    entry, here, problems, doubts = data_set_kind(kind), Counter[str](), list[str](), list[str]()
    listed = here
    try:
        listed = _counted(list_records(kind, root, **{"feature_names": ANY, **options}).records)
        listing = joined(list_records(kind, root, **options))
        problems += listing.problems
        doubts += [*listing.doubts, *entry.doubts(listing.records)]
        doubts += award_doubts(listing.records, divided=options.get("score") == "execution")
        here = _counted(listing.records)
    except (DataError, UsageError) as error:
        problems.append(str(error))
    expected = [name for name in entry.counts if here[name] or not entry.may_lack_tasks]
    names = list(dict.fromkeys(["all", *expected, *sorted(listed)]))
    counts = tuple((name, listed[name], here[name], entry.counts.get(name)) for name in names)
    files = [(name, _state(root, entry, name)) for name in entry.hashes]
    if any(state != "missing" for name, state in files if name in entry.one_of):
        files = [(name, state) for name, state in files if name not in entry.one_of or state != "missing"]
    lines = (tuple(clip(line, 300) for line in each) for each in (problems, doubts))
    return DataCheck(kind, printable(root), entry.access, counts, tuple(files), *lines)


def _counted(records: Sequence[Record]) -> Counter[str]:
    """Performances by task and part; views of a trial count once there, and each as "views"."""
    kept = [record for record in records if record.id]
    each = {(name, r.groups.get("trial", r.id)) for r in kept for name in ("all", r.split, r.task) if name}
    return Counter([*(name for name, _ in each), *("views" for r in kept if r.groups.get("view", "none") != "none")])


def _state(root: Path, entry: DataSetKind, name: str) -> str:
    for path in (root / folder / name for folder in entry.folders):
        if path.is_file():
            agrees = hashlib.sha256(read_bytes(path)).hexdigest().startswith(entry.hashes[name])
            return "agrees" if agrees else "differs"
    return "missing"
