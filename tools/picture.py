"""Takes the README's picture of a report, with Chromium. Usage: ``python -m tools.picture``."""

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from auditor.cli.main import main as auditor

ROOT = Path(__file__).resolve().parent.parent
TARGET = ROOT / "docs" / "images" / "report.png"
QUIET = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync",
    "--disable-background-networking", "--disable-component-update", "--hide-scrollbars",
)  # fmt: skip


def main() -> int:
    """Render the demo report and photograph its top."""
    browser = shutil.which("chromium") or shutil.which("chromium-browser")
    if browser is None:
        print("picture: expected chromium; install it with `apt-get install chromium`", file=sys.stderr)
        return 1
    with tempfile.TemporaryDirectory() as folder:
        try:
            auditor(["run", "--now", "--demo", "--quiet", "--format", "html", "--output", folder])
        except SystemExit as ended:
            if ended.code not in (0, 1, 2):
                return 1
        page = Path(folder) / "shop-demo" / "report.html"
        TARGET.parent.mkdir(parents=True, exist_ok=True)
        subprocess.run(
            [browser, *QUIET, f"--user-data-dir={folder}/profile", "--window-size=1240,1560",
             f"--screenshot={TARGET}", page.as_uri()],
            check=True, stderr=subprocess.DEVNULL,
        )  # fmt: skip
    print(f"written: {TARGET.relative_to(ROOT)} ({TARGET.stat().st_size:,} bytes)")
    return 0


if __name__ == "__main__":
    sys.exit(main())
