"""Write the results of the README from the embedded checkpoint's metrics.json and those of the five folds: `python
scripts/published/readme.py`.

A test compares the two, so that no number in the README is typed.
"""

import json
from pathlib import Path

from ..folds.report import KNOWN, UNKNOWN, for_card

ROOT = Path(__file__).resolve().parents[2]
METRICS, LARGE = (ROOT / "hfskin" / "checkpoints" / name / "metrics.json" for name in ("default", "large"))
FOLDS = ROOT / "results" / "cross_validation" / "metrics.json"
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


def render_large(report: dict) -> str:
    """The larger checkpoint's main figures in a paragraph of Markdown."""
    known, unknown = (report["results"][name] for name in ("with_metadata", "without_metadata"))
    millions = f"{report['model']['parameters'] / 1e6:.0f}"
    return (
        f'**Larger**, `hfskin.load("large")`: a vision transformer answers too, {millions} million parameters in all. '
        f"On the same pictures BMA {_interval(known['metrics']['bma'])}, picture alone "
        f"{_interval(unknown['metrics']['bma'])}; macro AUC {_interval(known['metrics']['auc_macro'])}; malignancy "
        f"threshold: sensitivity {_interval(known['malignancy']['sensitivity'])}, specificity "
        f"{_interval(known['malignancy']['specificity'])}; elsewhere, melanoma's AUC "
        f"{_interval(report['elsewhere']['melanoma_auc'])}. [Both compared on more pictures](docs/elsewhere.md)."
    )


def render_folds(report: dict) -> str:
    """The out-of-fold figures in a paragraph of Markdown."""
    told = for_card(report)
    figures = {name: _interval(m) for name, m in told["results"][KNOWN].items() if name != "by_fold"}
    return (
        f"The same kind of training, shorter, in {len(told['folds'])} of five folds: {told['images']:,} pictures, "
        "each answered by a model that never saw its lesion, with age, sex, site: "
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
    larger, folds = (json.loads(path.read_text()) for path in (LARGE, FOLDS))
    return "\n\n".join((render(report), render_elsewhere(report), render_large(larger), render_folds(folds)))


def insert(text: str, block: str) -> str:
    """`text` with what stands between the two marks replaced."""
    before, rest = text.split(START)
    return f"{before}{START}\n{block}\n{END}{rest.split(END)[1]}"


def _melanoma(result: dict) -> dict:
    return result["metrics"]["per_class"]["mel"]["sensitivity"]


def _interval(m: dict | None) -> str:
    return "n/a" if m is None else f"{m['value']:.3f} [{m['low']:.3f}, {m['high']:.3f}]"


if __name__ == "__main__":
    README.write_text(insert(README.read_text(), whole()))
