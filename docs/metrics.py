"""Rebuild ``docs/metrics``: ``make docs``. A page a metric from the registry, and one table each for the ledger and the statistics.

Nothing is written here that is not declared elsewhere: titles, definitions and standards come from the declarations, what a value means and rests on from
the docstrings, layers from ``layers/``, maps from ``maps/``, parameters from ``data/``, targets from the plans that come with the package.
"""

from __future__ import annotations

import ast
import inspect
import math
import re
import sys
import tomllib
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

from spatial.catalogue import reference, shipped
from spatial.layers import layer_specs
from spatial.ledger.declared import LedgerMetric, ledger_metrics
from spatial.metrics import Metric, registered
from spatial.metrics.registry import SCOPES
from spatial.outputs.map_specs import MapSpec, map_specs
from spatial.targets.model import Plan, Target
from spatial.targets.plans import shipped_plans
from spatial.text import Text
from spatial.units import unit_of

PAGES = Path(__file__).parent / "metrics"
_UNCONFIRMED = re.compile(r"to be confirmed|proposal|not verified")
_MADE = "<!-- make docs -->"
_OPERATORS = {
    ">=": "≥",
    "<=": "≤",
    ">": ">",
    "<": "<",
    "==": "=",
    "~=": "≈",
    "trend_up": "上升 rising",
    "trend_down": "下降 falling",
    "exists": "有 there",
}
_KINDS = {
    "count": Text("计数或合计", "count or sum"), "ratio": Text("比例", "share"), "remaining": Text("未完成", "still to be done"),
    "exists": Text("是否齐备", "whether all are there"), "overlay": Text("叠加面积", "united ground"),
}  # fmt: skip


def main() -> int:
    """Write every page that has changed and remove those of metrics that are no more."""
    made = pages()
    PAGES.mkdir(exist_ok=True)
    for path in sorted(PAGES.glob("*.md")):
        if path.name not in made:
            path.unlink()
            print(f"removed {path.name}")
    for name, text in made.items():
        path = PAGES / name
        if not path.is_file() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8", newline="\n")
            print(name)
    return 0


def pages() -> dict[str, str]:
    """Make every page, by the name of its file."""
    metrics = {name: metric for name, metric in registered(None).items() if metric.function.__module__.startswith("spatial.")}
    plans, targets = shipped_plans()
    computed = {name: metric for name, metric in metrics.items() if metric.source == "layers"}
    made = {
        f"{name}.md": _page(metric, [each for each in targets if each.measure == name and each.kind == "metric"], plans)
        for name, metric in computed.items()
    }
    made["ledger.md"] = _ledger([metric for metric in metrics.values() if metric.source == "ledger"], targets)
    made["statistics.md"] = _statistics([metric for metric in metrics.values() if metric.source == "statistics"], targets)
    made["README.md"] = _index(computed)
    return dict(sorted(made.items()))


def escaped(text: str) -> str:
    """Take from words what Markdown or HTML would read as marks; what stands between backticks is code and stays so."""
    parts = re.split(r"(``.+?``|`.+?`)", re.sub(r"\s+", " ", text).strip())
    return "".join(
        f"`{part.strip('`').replace('|', chr(92) + '|')}`" if part.startswith("`") else re.sub(r"([\\*_<>\[\]|`#~])", r"\\\1", part)
        for part in parts
    )


def _page(metric: Metric, targets: Sequence[Target], plans: Mapping[str, Plan]) -> str:
    specs = map_specs(None)
    blocks = [
        [f"# {escaped(metric.title.zh)} · {escaped(metric.title.en)}", _MADE],
        [f"`{metric.name}` · [全部指标与数值状态的含义 All metrics, and what a status means](README.md)"],
        _table(("", "中文", "English"), _facts(metric)),
        ["## 口径 Variants", "", *_table(("口径", "中文", "English", "分子 ÷ 分母 Base units", "另需 Also needs"), _variants(metric))]
        if len(metric.variants) > 1
        else [],
        _meaning(metric),
        ["## 证据图层 Evidence", "", *_table(("图层 frame", "中文", "English", "地图 Map"), _evidence(metric, specs))]
        if metric.evidence
        else [],
        _parameters(metric),
        [
            "## 规划目标 Targets",
            "",
            *_table(("规划 Plan", "条款 Clause", "目标 Target", "要求 Required", "口径 Variant"), _targets(targets, plans)),
        ]
        if targets
        else [],
        _commands(metric, specs),
    ]
    return "\n\n".join("\n".join(block) for block in blocks if block) + "\n"


def _facts(metric: Metric) -> list[tuple[str, str, str]]:
    unit, scope = unit_of(metric.unit).label, SCOPES[metric.scope]
    reach = (
        Text("全市一并计算", "computed for the city as a whole")
        if metric.halo_m is None
        else Text(f"区外 {metric.halo_m:g} 米以内的要素有影响", f"features within {metric.halo_m:g} m of an area matter")
    )
    rows = [
        ("定义 Definition", metric.definition),
        ("依据 Standard", metric.standard),
        ("单位 Unit", unit),
        ("范围 Scope", scope),
        ("影响范围 Reach", reach),
    ]
    facts = [(label, escaped(text.zh) or "–", escaped(text.en) or "–") for label, text in rows]
    facts.insert(4, ("所需图层 Needs", _layers(metric.needs, "zh") or "–", _layers(metric.needs, "en") or "–"))
    if len(metric.variants) == 1 and any(any(pair) for pair in metric.bases.values()):
        bases = _bases(next(iter(metric.bases.values())))
        facts.insert(3, ("分子 ÷ 分母 Base units", bases, bases))
    if metric.thin:
        facts.append(
            (
                "数据稀疏时 Thinly mapped",
                f"{_layers(metric.thin, 'zh')}稀疏时，数值为估算",
                f"an estimate where {_layers(metric.thin, 'en')} is mapped thinly",
            )
        )
    return facts


def _layers(names: Iterable[str], lang: str) -> str:
    specs = layer_specs()
    return ("、" if lang == "zh" else ", ").join(f"{escaped(specs[name].title.get(lang))} `{name}`" for name in names)  # type: ignore[arg-type]


def _bases(pair: tuple[str, str]) -> str:
    return " ÷ ".join(f"`{unit}`" for unit in pair if unit) or "–"


def _variants(metric: Metric) -> list[tuple[str, ...]]:
    return [
        (
            f"`{name}`",
            escaped(title.zh),
            escaped(title.en),
            _bases(metric.bases[name]),
            _layers(metric.variant_needs.get(name, ()), "zh") or "–",
        )
        for name, title in metric.variants.items()
    ]


def _meaning(metric: Metric) -> list[str]:
    """Say how a value is found and when it is an estimate: the docstring's own words."""
    doc = inspect.getdoc(metric.function) or ""
    head, sections = _sections(doc)
    returns = re.sub(r"^MetricResult\s+", "", sections.get("Returns", ""))
    lines = ["## 如何得出 How it is found", "", escaped(head)]
    if returns:
        lines += ["", f"**结果 Result.** {escaped(returns)}"]
    if sections.get("References"):
        lines += ["", f"**方法与出处 Method and sources.** {escaped(sections['References'])}"]
    return lines


def _sections(doc: str) -> tuple[str, dict[str, str]]:
    """Take a docstring apart: what stands before its first heading, and its sections by heading."""
    parts = re.split(r"^([A-Z][a-z]+)\n-{3,}\n", doc, flags=re.M)
    return parts[0], dict(zip(parts[1::2], parts[2::2], strict=True))


def _evidence(metric: Metric, specs: dict[str, MapSpec]) -> list[tuple[str, ...]]:
    rows = []
    for name, said in metric.evidence.items():
        key = f"{metric.name}.{name}"
        shown = [
            spec.name for spec in specs.values() if any(key in _named(overlay.get("evidence", [])) for overlay in spec.overlays.values())
        ]
        rows.append((f"`{key}`", escaped(said.title.zh), escaped(said.title.en), ", ".join(f"`{each}`" for each in shown) or "GeoPackage"))
    return rows


def _named(evidence: str | list[str]) -> list[str]:
    return [evidence] if isinstance(evidence, str) else evidence


def _parameters(metric: Metric) -> list[str]:
    """List the tables of ``data/`` that the metric's own rooms read, and whether a planner has still to confirm their figures."""
    rows = []
    for name in sorted(_tables_of(metric)):
        path = shipped() / "data" / f"{name}.toml"
        text = path.read_text(encoding="utf-8")
        said = re.sub(r"^#\s?", "", text.split("\n", 1)[0]).strip() if text.startswith("#") else ""
        open_ = bool(_UNCONFIRMED.search(text))
        rows.append(
            (f"[`data/{name}.toml`](../../data/{name}.toml)", escaped(said) or "–", "含待确认数值 to be confirmed" if open_ else "–")
        )
    return ["## 参数 Parameters", "", *_table(("文件 File", "内容 Holds", "状态 Status"), rows)] if rows else []


def _tables_of(metric: Metric) -> set[str]:
    """Name the reference tables that the metric's module reads, or those modules of its floor and of the road model that it imports itself."""
    package = Path(inspect.getfile(Metric)).parents[1]
    own = package / Path(*metric.function.__module__.split(".")[1:]).with_suffix(".py")
    files = {own}
    for node in ast.walk(ast.parse(own.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module and re.match(r"spatial\.(metrics|roads)\b", node.module):
            target = package / Path(*node.module.split(".")[1:])
            files |= set(target.glob("*.py")) if target.is_dir() else {target.with_suffix(".py")}
    names = {name for file in sorted(files) for name in re.findall(r"reference\(\"([a-z_]+)\"", file.read_text(encoding="utf-8"))}
    return {name for name in names if reference(name)}


def _targets(targets: Sequence[Target], plans: Mapping[str, Plan]) -> list[tuple[str, ...]]:
    return [
        (f"{escaped(plans[each.plan].title.zh)} · {escaped(plans[each.plan].title.en)}", escaped(each.clause) or "–", f"{escaped(each.title.zh)} · {escaped(each.title.en)}", _required(each), f"`{each.variant}`" if each.variant else "–")
        for each in targets
    ]  # fmt: skip


def _required(target: Target) -> str:
    """Say what a target asks, in the words of a reader: ``≥ 16.8% (2025)``."""
    wanted = target.wanted or (unit_of(target.unit).show(target.value, "zh") if math.isfinite(target.value) else "")
    return escaped(" ".join(part for part in (_OPERATORS[target.operator], wanted, f"({target.year})") if part))


def _commands(metric: Metric, specs: dict[str, MapSpec]) -> list[str]:
    lines = [
        "## 命令 Commands",
        "",
        "```sh",
        f"spatial explain {metric.name} --lang zh",
        f"spatial run city.toml --metrics {metric.name} --by districts",
    ]
    on = [spec.name for spec in specs.values() if isinstance(spec.metrics, tuple) and metric.name in spec.metrics]
    lines += [f"spatial map city.toml {name}" for name in on]
    return [*lines, "```"]


def _index(metrics: dict[str, Metric]) -> str:
    themes = tomllib.loads((shipped() / "maps" / "page" / "page.toml").read_text(encoding="utf-8"))["themes"]
    listed = {name for theme in themes for name in theme.get("metrics", ())}
    blocks = [
        ["# 指标 Metrics", _MADE],
        [
            "由 `make docs` 从指标登记表生成，每项指标一页。数值的状态：实测（ok）、估算（estimated，含缺省值或估算的范围，并给出上下限）、数据仅覆盖部分"
            "（partial，不参与排序和对标）、无数据（no\\_data，从不写作 0）。“实测占比”说明输入中有多少不是假定。"
        ],
        [
            "Made by `make docs` from the registry, a page a metric. The status of a value: measured (ok), estimated (it rests on a default or an estimated scope,"
            " and has a range), partly covered (partial: neither ranked nor held against a target), no data (never 0). `quality` is the share of the input that was"
            " measured and not assumed."
        ],
    ]
    for theme in themes:
        if theme.get("source"):
            page = "ledger" if theme["source"] == "ledger" else "statistics"
            blocks.append([f"## {escaped(theme['title']['zh'])} {escaped(theme['title']['en'])}", "", f"[{page}.md]({page}.md)"])
            continue
        rest = not theme.get("metrics")
        mine = sorted(name for name in metrics if name not in listed) if rest else [name for name in theme["metrics"] if name in metrics]
        if mine:
            rows = [
                (f"[`{name}`]({name}.md)", escaped(metrics[name].title.zh), escaped(metrics[name].title.en), _unit(metrics[name]))
                for name in mine
            ]
            heading = f"## {escaped(theme['title']['zh'])} {escaped(theme['title']['en'])}"
            blocks.append([heading, "", *_table(("指标 Metric", "中文", "English", "单位 Unit"), rows)])
    return "\n\n".join("\n".join(block) for block in blocks) + "\n"


def _unit(metric: Metric) -> str:
    return escaped(unit_of(metric.unit).label.zh) or "–"


def _ledger(metrics: Sequence[Metric], targets: Sequence[Target]) -> str:
    declared: dict[str, LedgerMetric] = dict(ledger_metrics(None))
    head = (
        "由台账记录回答的指标；记录怎样读入见 [docs/ledger.md](../ledger.md)，怎样新增见 [CONTRIBUTING.md](../../CONTRIBUTING.md)。",
        "Metrics that the records of a ledger answer; [docs/ledger.md](../ledger.md) says how they are read, [CONTRIBUTING.md](../../CONTRIBUTING.md) how to add one.",
    )
    return _catalogue(
        "台账指标", "Ledger metrics", head, metrics, targets, "ledger", ("算法 Kind", lambda name: f"{_KINDS[declared[name].kind].zh} {_KINDS[declared[name].kind].en}")
    )  # fmt: skip


def _statistics(metrics: Sequence[Metric], targets: Sequence[Target]) -> str:
    head = (
        "统计年鉴或部门公布的数值，只查不算；怎样提供见 [CONTRIBUTING.md](../../CONTRIBUTING.md)。全市数值不下推，各区数值不相加。",
        "Figures that a yearbook or an office states: looked up, never computed; [CONTRIBUTING.md](../../CONTRIBUTING.md) says how to give them."
        " A city's number is never copied down, districts are never summed up.",
    )
    return _catalogue("统计指标", "Statistics", head, metrics, targets, "statistic", None)


def _catalogue(
    zh: str, en: str, head: tuple[str, str], metrics: Sequence[Metric], targets: Sequence[Target], kind: str,
    more: tuple[str, Callable[[str], str]] | None,
) -> str:  # fmt: skip
    """One table: name, titles, definitions, unit, how many targets of the shipped plans are held against it."""
    held = [each.measure for each in targets if each.kind == kind]
    columns = ("指标 Metric", "中文", "English", "单位 Unit", *((more[0],) if more else ()), "定义", "Definition", "目标 Targets")
    rows = [
        (
            f"`{metric.name}`", escaped(metric.title.zh), escaped(metric.title.en), _unit(metric), *((more[1](metric.name),) if more else ()),
            escaped(metric.definition.zh), escaped(metric.definition.en), str(held.count(metric.name) or "–"),
        )
        for metric in metrics
    ]  # fmt: skip
    blocks = [[f"# {zh} {en}", _MADE], [head[0]], [head[1]], _table(columns, rows)]
    return "\n\n".join("\n".join(block) for block in blocks) + "\n"


def _table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    lines = [columns, ["---"] * len(columns), *rows]
    return ["| " + " | ".join(line) + " |" for line in lines]


if __name__ == "__main__":
    sys.exit(main())
