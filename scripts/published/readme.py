"""Write the results of the README from the embedded checkpoint's metrics.json and those of the five folds: `python
scripts/published/readme.py`.

A test compares the two, so that no number in the README is typed.
"""

import json
from pathlib import Path
from types import SimpleNamespace

from hfskin.checkpoints.layout import CONFIG_FILE, read_settings
from hfskin.inference.base import network_names

from ..folds.report import KNOWN, UNKNOWN, for_card

ROOT = Path(__file__).resolve().parents[2]
METRICS, LARGE = (ROOT / "hfskin" / "checkpoints" / name / "metrics.json" for name in ("default", "large"))
FOLDS = ROOT / "results" / "cross_validation" / "metrics.json"
COMPARED = ROOT / "results" / "elsewhere.json"
SHOWN = ("BMA, both", "BMA, their copies", "melanoma elsewhere, AUC")  # of COMPARED
README = ROOT / "README.md"
START, END = "<!-- results: scripts/published/readme.py -->", "<!-- end of results -->"


def render(report: dict) -> str:
    """The table as Markdown."""
    data, results = report["data"], report["results"]
    known, unknown = results["with_metadata"], results["without_metadata"]
    rows = [
        ("balanced multiclass accuracy (BMA)", *(r["metrics"]["bma"] for r in (known, unknown))),
        ("macro AUC", *(r["metrics"]["auc_macro"] for r in (known, unknown))),
        ("accuracy", *(r["metrics"]["accuracy"] for r in (known, unknown))),
        ("melanoma sensitivity, most probable class", *(_melanoma(r) for r in (known, unknown))),
        ("malignancy threshold: sensitivity", *(r["malignancy"]["sensitivity"] for r in (known, unknown))),
        ("malignancy threshold: specificity", *(r["malignancy"]["specificity"] for r in (known, unknown))),
        ("calibration error (ECE, 15 bins)", *(r["calibration"]["after"]["ece"] for r in (known, unknown))),
        ("prediction sets: coverage, wanted 0.90", *(r["conformal"]["coverage"] for r in (known, unknown))),
        ("prediction sets: mean size", *(r["conformal"]["mean_size"] for r in (known, unknown))),
    ]
    lines = [
        f"{data['name']}, `{data['split']}` split, {data['part']} part: {data['images']} pictures of {data['lesions']} "
        "lesions that training and calibration never saw. The recipes and the gate's design were chosen with a look "
        "at this part, and by folds that validated on it, so the figures are a little kind. 95 % intervals over "
        "lesions.",
        "",
        "| | with age, sex, site | picture alone |",
        "|---|---|---|",
        *(f"| {name} | {_interval(a)} | {_interval(b)} |" for name, a, b in rows),
        "",
        _by_chance(known["calibration"]["after"]["ece_by_chance"]),
    ]
    return "\n".join(lines)


def render_elsewhere(report: dict) -> str:
    """What other clinics' lesions say, in a paragraph of Markdown."""
    found, gate = report["elsewhere"], report["gate"]
    accepted, photographs = gate["elsewhere"]["elsewhere"], gate["negatives"]["kinds"]["photographs"]
    return (
        f"**Elsewhere**, on {found['n']:,} dermatoscopic pictures of {found['patients']} patients of other clinics "
        "(a part of ISIC 2020, doi:10.34970/2020-ds01), from the picture alone: melanoma "
        f"({found['melanomas']} pictures) against the rest has an AUC of {_interval(found['melanoma_auc'])}; of the "
        f"melanomas {_interval(found['malignant_suspicious'])} are called suspicious, of the others "
        f"{_interval(found['benign_not'])} are not. So **a picture from another clinic is judged much worse than one "
        f"from home**. Of {accepted['n']} of them that the gate was not fitted to, {_interval(accepted['accepted'])} "
        f"are accepted as lesions; of {photographs['n']} photographs of other things, "
        f"{_interval(photographs['refused'])} are refused. Intervals are over patients."
    )


def render_large(report: dict, compared: dict, networks: str) -> str:
    """The larger checkpoint's main figures, and its difference to the default one, in a paragraph of Markdown."""
    known, unknown = (report["results"][name] for name in ("with_metadata", "without_metadata"))
    differences = {name: cell["difference"] for name, cell in compared["large, as published"].items()}
    more = {name: _interval(difference, "+.3f") for name, difference in differences.items()}
    by_chance = all(differences[name]["low"] <= 0 <= differences[name]["high"] for name in SHOWN)
    return (
        f'**Larger**, `hfskin.load("large")`, of {report["model"]["parameters"] / 1e6:.0f} million parameters: '
        f"{networks} answer together. On the test part BMA "
        f"{_interval(known['metrics']['bma'])}, picture alone {_interval(unknown['metrics']['bma'])}; macro AUC "
        f"{_interval(known['metrics']['auc_macro'])}; melanoma sensitivity {_interval(_melanoma(known))}, picture "
        f"alone {_interval(_melanoma(unknown))}. From the picture alone, its BMA's difference to the default one's is "
        f"{more[SHOWN[0]]} on the validation and test pictures, {more[SHOWN[1]]} on sharper copies of "
        f"them, that of melanoma's AUC elsewhere {more[SHOWN[2]]}"
        f"{': nothing beyond chance' if by_chance else ''} ([all of it](docs/elsewhere.md))."
    )


def render_folds(report: dict) -> str:
    """The out-of-fold figures in a paragraph of Markdown."""
    told = for_card(report)
    figures = {name: _interval(m) for name, m in told["results"][KNOWN].items() if name != "by_fold"}
    return (
        f"The same networks by an earlier, shorter training, in {len(told['folds'])} of five folds: "
        f"{told['images']:,} pictures, each answered by a model that never saw its lesion, with age, sex, site: "
        f"BMA {figures['bma']}, macro AUC {figures['auc_macro']}, accuracy {figures['accuracy']}, melanoma sensitivity "
        f"{figures['melanoma_sensitivity']}, calibration error {figures['ece']}; of malignant pictures "
        f"{figures['alarm_sensitivity']} are called suspicious, of benign ones {figures['alarm_specificity']} are not. "
        f"**The young are missed more often**: of those from 30 to 44 years, {_alarms(told, '30-44')}; "
        "that is why below 45 years the more cautious of the answers with and without the age counts now (the folds "
        "ran before that). "
        "[How, and more of it](docs/cross_validation.md)."
    )


def _alarms(told: dict, band: str) -> str:
    """How often malignant pictures of an age band are called suspicious, in words."""
    known, alone = (_interval(told["by_age"][name][band]["alarm_sensitivity"]) for name in (KNOWN, UNKNOWN))
    return f"{known} are called suspicious with age, sex, site, {alone} from the picture alone"


def whole() -> str:
    """All that stands between the two marks."""
    report = json.loads(METRICS.read_text())
    larger, compared, folds = (json.loads(path.read_text()) for path in (LARGE, COMPARED, FOLDS))
    config = SimpleNamespace(**read_settings(LARGE.parent / CONFIG_FILE))
    large = render_large(larger, compared, network_names(config))
    parts = render(report), render_elsewhere(report), large, render_folds(folds)
    return "\n\n".join(parts)


def insert(text: str, block: str) -> str:
    """`text` with what stands between the two marks replaced."""
    before, rest = text.split(START)
    return f"{before}{START}\n{block}\n{END}{rest.split(END)[1]}"


def _by_chance(chance: dict) -> str:
    return (
        f"Were every probability exactly right, chance alone would make the calibration error of as many pictures "
        f"{chance['value']:.3f} on average, and at most {chance['high']:.3f} in 95 of 100 cases."
    )


def _melanoma(result: dict) -> dict:
    return result["metrics"]["per_class"]["mel"]["sensitivity"]


def _interval(m: dict | None, form: str = ".3f") -> str:
    return "n/a" if m is None else f"{m['value']:{form}} [{m['low']:{form}}, {m['high']:{form}}]"


if __name__ == "__main__":
    README.write_text(insert(README.read_text(), whole()))
