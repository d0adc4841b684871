"""Where on the body a DICOM file says that it was taken, as one of our sites.

By SNOMED's codes in DICOM's context groups 4031 (common anatomic regions) and 4029 (dermatology anatomic sites):
https://dicom.nema.org/medical/dicom/current/output/chtml/part16/sect_CID_4031.html. What may be several of our sites,
as a head, a shoulder or a buttock, is none.
"""

import importlib

_CODES = {
    "scalp": "43067004 61719002 21672008 79951008",
    "face": "73897004 661005 371398005 362916000 68698007 36141000 23747009 113179006 68598004 314395006 79283007 "
    "37108007 110488009 88089004 16251004 66934001 41310005 40069000",
    "ear": "1902009 2059009 79313003 79502000 38407007",
    "neck": "45048000 43081002 11584001 5272005 4658004",
    "chest": "816094009 51185008 244106003 244107007 76752008 72005009 54468004",
    "abdomen": "818981001 113345001 75093004 699914002 699935000 30598005 367578008 315003",
    "back": "66643007 113182001 699893008 244111001",
    "trunk": "181491009 54440003",
    "upper extremity": "53120007 371311000 40983000 14975008 45981001 72939005 70559009 41550009 181536004 17957002",
    "hand": "85562004 33712006 7569003 76505004 244169007 281642007",
    "lower extremity": "61685007 371304004 68367000 30021000 72696002 61248009 4578000 73958006 25763004 47224004 "
    "181553006 84507004",
    "foot": "56459004 60496002 29707007 52034004",
    "acral": "70887009 89784008 26795005 35739000 52953006",
    "genital": "60944009 35900000 7991003 81992007 73058008 128252004 128253009",
}
_BY_CODE = {code: site for site, codes in _CODES.items() for code in codes.split()}
_OLDER = ("SRT", "SNM3", "99SDM")  # schemes of SNOMED's older codes, as T-D4000, which pydicom knows
# Of BodyPartExamined, which has no list of its own for the skin.
_WORDS = {
    "SCALP": "scalp", "FACE": "face", "NOSE": "face", "CHEEK": "face", "EAR": "ear", "NECK": "neck", "CHEST": "chest",
    "BREAST": "chest", "ABDOMEN": "abdomen", "BACK": "back", "TRUNK": "trunk", "ARM": "upper extremity",
    "UPPERARM": "upper extremity", "FOREARM": "upper extremity", "ELBOW": "upper extremity", "HAND": "hand",
    "FINGER": "hand", "THUMB": "hand", "LEG": "lower extremity", "THIGH": "lower extremity", "CALF": "lower extremity",
    "KNEE": "lower extremity", "FOOT": "foot", "TOE": "foot",
}  # fmt: skip


def site_of(file) -> str | None:
    """One of `SITES`; None where a file says nothing, or nothing clear.

    Args:
        file: a pydicom data set.
    """
    for region in file.get("AnatomicRegionSequence") or ():
        return _by_code(str(region.get("CodeValue", "")), str(region.get("CodingSchemeDesignator", "")))
    return _WORDS.get(str(file.get("BodyPartExamined", "")).strip().upper().replace(" ", "").replace("_", ""))


def _by_code(value: str, scheme: str) -> str | None:
    if scheme not in _OLDER:
        return _BY_CODE.get(value) if scheme == "SCT" else None
    older = importlib.import_module("pydicom.sr.coding").Code  # transformers wants whatever an import statement names
    known = (site for code, site in _BY_CODE.items() if older(value, "SRT", "") == older(code, "SCT", ""))
    return next(known, None)
