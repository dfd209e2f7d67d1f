"""Pages of the site that lie elsewhere in the repository, and links that lead there; a hook of mkdocs."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from mkdocs.structure.files import File, Files

ROOT = Path(__file__).parents[2]
SOURCES = {
    "README.md": "index.md",
    "bundles/smart_pretrain/docs/small.md": "bundles/small.md",
    **{
        f"bundles/{path.name}/docs/README.md": f"bundles/{path.name}.md"
        for path in sorted(ROOT.glob("bundles/smart_*"))
    },
}
LINK = re.compile(r"\[([^\]]*)\]\(([^)#\s:]+)(#[^)\s]*)?\)")  # without a scheme
SHOWN = (".md", ".png", ".svg")
MODULES = {
    "The method": ("pretrain.co_distillation", "pretrain.masking", "pretrain.ema", "pretrain.update", "pretrain.schedules",
                   "pretrain.views", "pretrain.taps", "pretrain.losses.distillation", "pretrain.losses.image",
                   "pretrain.losses.koleo"),
    "Networks": ("networks.encoder", "networks.comparators.vit", "networks.heads", "networks.attention_net",
                 "networks.classifier", "networks.segmenter", "networks.pretrained"),
    "Weights": ("weights.build", "weights.io", "weights.default_model", "weights.beside", "weights.convert.run",
                "weights.convert.monai_swin", "weights.convert.layouts", "weights.foreign.door"),
    "Scans and lists": ("scans.read", "scans.volume", "scans.window", "lists.check", "lists.manifest", "lists.splits"),
    "Classification": ("classify.evaluate", "classify.compare", "classify.probe.linear_probe", "classify.occlusion"),
    "Segmentation": ("segment.predict", "segment.scores", "segment.place", "segment.balance", "segment.update"),
    "Localisation": ("localize.scan_attention", "localize.marking", "localize.attend"),
    "Organs": ("organs.clustering", "organs.probe"),
    "Statistics": ("statistics.metrics", "statistics.delong", "statistics.bootstrap", "statistics.overlap"),
}  # fmt: skip


def on_files(files: Files, config: Any) -> Files:
    """Add the pages of SOURCES, the pictures of the bundles' docs, and the API."""
    for source, page in SOURCES.items():
        files.append(File.generated(config, page, content=(ROOT / source).read_text(encoding="utf-8")))
    for picture in sorted(ROOT.glob("bundles/*/docs/**/*.png")):
        files.append(File.generated(config, picture.relative_to(ROOT).as_posix(), abs_src_path=str(picture)))
    files.append(File.generated(config, "api.md", content=_api()))
    files.append(File.generated(config, "first_steps.md", content=_notebook(ROOT / "docs" / "first_steps.ipynb")))
    return files


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """Links as the repository has them become links of the site; to what is no page, their text alone."""
    origin = {site: source for source, site in SOURCES.items()}.get(page.file.src_uri, f"docs/{page.file.src_uri}")

    def moved(found: re.Match[str]) -> str:
        target = (ROOT / origin).parent.joinpath(found[2]).resolve()
        if target.suffix not in SHOWN or not target.is_relative_to(ROOT):
            return found[1]  # code and licences are in the repository
        name = target.relative_to(ROOT).as_posix()
        site = SOURCES.get(name) or name.removeprefix("docs/")
        return f"[{found[1]}]({'../' * page.file.src_uri.count('/')}{site}{found[3] or ''})"

    return LINK.sub(moved, markdown)


def _notebook(path: Path) -> str:
    """Texts, code, and what it printed and drew when it was run."""
    parts = []
    for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]:
        text = "".join(cell["source"])
        parts.append(text if cell["cell_type"] == "markdown" else f"```python\n{text}\n```")
        for output in cell.get("outputs", []):
            printed, picture = "".join(output.get("text", "")), output.get("data", {}).get("image/png")
            parts += [f"```text\n{printed}\n```"] if printed else []
            parts += (
                [f'<img alt="what the cell above draws" src="data:image/png;base64,{picture.strip()}">']
                if picture
                else []
            )
    return "\n\n".join(parts)


def _api() -> str:
    parts = [
        "# API",
        "What Python code may call, with shapes, units, errors, and the sections and equations of the papers.",
    ]
    for title, modules in MODULES.items():
        parts += [f"## {title}", *(f"::: smart_nets.{name}" for name in modules)]
    return "\n\n".join(parts)
