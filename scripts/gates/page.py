"""docs/gates.md from results/gates.json."""

from hfskin.model.labels import CLASSES


def render(result: dict) -> str:
    """The page as Markdown."""
    gate = result["gate"]
    kinds = gate["negatives"]["kinds"]
    lines = [
        "# The gate: is this a dermatoscopic picture of a lesion?",
        "",
        "Rendered by `python -m scripts.gates`; do not edit. The gate is a logistic regression on the network's own "
        "features, fitted to lesions (HAM10000's training part as it is and changed, the fitting half of ISIC 2020) "
        "against photographs of other things, pictures that libraries ship, and synthetic ones. What judges it here "
        "are pictures that were not fitted to: the test part, the other half of the patients of ISIC 2020, the "
        f"other half of the photographs. Model: {result['model']}; a score below {gate['threshold']:.2f} (log-odds) is "
        "refused. Intervals are 95 %: over lesions at home, over patients elsewhere, Wilson's for other things and "
        "where all or none passed.",
        "",
        "## Lesions accepted",
        "",
        "| source | class | pictures | accepted |",
        "|---|---|---|---|",
    ]
    names = {"home": "home (HAM10000, test)"} | {name: name for name in gate["elsewhere"]}
    for name, source in {"home": gate["lesions"], **gate["elsewhere"]}.items():
        lines += _rows(names[name], source)
    lines += ["", "## Other things refused", "", "| kind | pictures | refused |", "|---|---|---|"]
    lines += [f"| {kind} | {row['n']} | {_share(row['refused'])} |" for kind, row in kinds.items()]
    lines += [
        "",
        "Packages' pictures count whole and as their four quarters; among scikit-image's are a retina and stained "
        "tissue, which come closest to a lesion.",
        "",
        *_unusual_lines({"home": gate["unusual"], **result["unusual"]}),
        "## Other ways",
        "",
        f"Each lets {result['pass']:.0%} of the validation pictures pass; those below the first two know HAM10000's "
        "training pictures alone and refuse what is unlike them. That is why they refuse lesions from other clinics.",
        "",
        "| gate | home accepted | elsewhere accepted | photographs refused | all other things refused | AUROC, home "
        "against photographs | AUROC, elsewhere against photographs |",
        "|---" * 7 + "|",
    ]
    for name, row in result["compared"].items():
        cells = [f"{row[k]:.1%}" for k in ("home", "elsewhere", "photographs", "others")]
        cells += [f"{row[k]:.4f}" for k in ("auroc_home", "auroc_elsewhere")]
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def _unusual_lines(measured: dict[str, dict | None]) -> list[str]:
    """The section on "unusual" answers; none where the checkpoint marks none."""
    if measured["home"] is None:
        return []
    lines = [
        "## Unusual answers",
        "",
        f"A lesion that passes with a score below {measured['home']['threshold']:.2f} is answered, and called unusual. "
        "Elsewhere little more is known than whether a lesion is a melanoma, so there an error is a false alarm or "
        "a missed melanoma.",
        "",
        "| pictures | unusual | of them wrong | of the others wrong |",
        "|---|---|---|---|",
    ]
    names = {
        "home": "home (HAM10000, test)",
        "transforms": "the same, transformed",
        "elsewhere": "elsewhere: the alarm",
    }
    for name, row in measured.items():
        unusual, others = row["unusual"], row["others"]
        share = unusual["n"] / (unusual["n"] + others["n"])
        lines.append(f"| {names[name]} | {unusual['n']} ({share:.1%}) | {_share(unusual)} | {_share(others)} |")
    return [*lines, ""]


def _rows(name: str, source: dict) -> list[str]:
    order = [c for c in (*CLASSES, "unknown") if c in source["per_class"]]
    rows = [("all", source), *((c, source["per_class"][c]) for c in order)]
    return [f"| {name} | {c} | {row['n']} | {_share(row['accepted'])} |" for c, row in rows]


def _share(measured: dict) -> str:
    return f"{measured['value']:.1%} [{measured['low']:.1%}, {measured['high']:.1%}]"
